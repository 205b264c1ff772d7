import { assert, assertEquals, assertRejects } from "@std/assert";
import { OffsetCommitter } from "../../lib/engine/offset_committer.ts";
import { OutputLogError } from "../../lib/ports/output_log.ts";
import { SourceError } from "../../lib/ports/source.ts";
import { EngineParts, settled } from "../support/engine/engine_parts.ts";

const AWAY = new SourceError("the coordinator is away", { code: "other", retryable: true });
const DENIED = new SourceError("not allowed", { code: "access_denied", retryable: false });

for (const behind of [0, 1, 2]) {
  Deno.test(`OffsetCommitter.commit() passes no input whose records are in flight, of shard ${behind} of 3`, async () => {
    const parts = new EngineParts({ shards: 3 });
    const committer = new OffsetCommitter(parts.context);
    for (const shard of [0, 1, 2]) parts.start(shard, "a");
    for (const shard of [0, 1, 2]) parts.close(shard);
    for (const shard of [0, 1, 2]) if (shard !== behind) parts.acknowledge(shard);
    await commit(parts, committer);
    assertEquals(offsets(parts), [[0]]);
    parts.acknowledge(behind);
    await commit(parts, committer);
    assertEquals(offsets(parts), [[0], [3]]);
  });
}

Deno.test("OffsetCommitter.commit() passes no event that waits for its shard", async () => {
  const parts = new EngineParts();
  const committer = new OffsetCommitter(parts.context);
  // After a fence the first batch goes alone: the next event waits.
  parts.batch(0);
  parts.start(0, "b");
  assertEquals(parts.runners[0]!.backlog.size, 1);
  parts.acknowledge(0);
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1]]);
});

Deno.test("OffsetCommitter.commit() passes no early end that no header of the log has", async () => {
  const parts = new EngineParts();
  const committer = new OffsetCommitter(parts.context);
  parts.end(0, "a");
  await commit(parts, committer);
  assertEquals(offsets(parts), [[0]]);
  parts.start(0, "b");
  parts.close(0);
  parts.acknowledge(0);
  await commit(parts, committer);
  assertEquals(offsets(parts), [[0], [2]]);
});

Deno.test("OffsetCommitter.commit() follows input that brought nothing to write", async () => {
  const parts = new EngineParts();
  const committer = new OffsetCommitter(parts.context);
  parts.warm(0);
  parts.start(0, "device-0");
  await commit(parts, committer);
  assertEquals(offsets(parts), [[2]]);
});

Deno.test("OffsetCommitter.commit() stays where a shard stood that is being restored", async () => {
  const parts = new EngineParts({ shards: 2 });
  const committer = new OffsetCommitter(parts.context);
  parts.warm(1);
  parts.runners[1]!.dropState();
  parts.warm(0);
  parts.start(0, "device-1");
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1]]);
});

Deno.test("OffsetCommitter.commit() asks for nothing that is committed already", async () => {
  const parts = new EngineParts();
  const committer = new OffsetCommitter(parts.context);
  parts.warm(0);
  await commit(parts, committer);
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1]]);
});

Deno.test("OffsetCommitter.commit() tells the same again after an hour, before the broker forgets it", async () => {
  const parts = new EngineParts();
  const committer = new OffsetCommitter(parts.context);
  parts.warm(0);
  await commit(parts, committer);
  await parts.advance(HOUR_MS - 1);
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1]]);
  await parts.advance(1);
  await commit(parts, committer);
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1], [1]]);
  // By the clock that nobody sets.
  parts.clock.jumpWall(2 * HOUR_MS);
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1], [1]]);
  await parts.advance(HOUR_MS);
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1], [1], [1]]);
});

Deno.test("OffsetCommitter.commit() has one request under way, and tells the newest with the next", async () => {
  const parts = new EngineParts();
  const committer = new OffsetCommitter(parts.context);
  parts.warm(0);
  const first = committer.commit();
  parts.warm(0);
  await committer.commit();
  assertEquals(offsets(parts), [[1]]);
  parts.source.commits[0]!.answer.resolve();
  await first;
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1], [2]]);
});

Deno.test("OffsetCommitter.commit() warns when it fails, and commits the same the next time", async () => {
  const parts = new EngineParts();
  const committer = new OffsetCommitter(parts.context);
  parts.warm(0);
  const failing = committer.commit();
  parts.source.commits[0]!.answer.reject(DENIED);
  await failing;
  assertEquals(parts.lines.length, 1);
  assert(
    parts.lines[0]!.includes("a start after the output's records are gone needs them"),
    parts.lines[0],
  );
  await commit(parts, committer);
  assertEquals(offsets(parts), [[1], [1]]);
});

Deno.test("OffsetCommitter.commitFirst() tries ever more rarely until the offsets are committed", async () => {
  const parts = new EngineParts({ shards: 2 });
  let isDone = false;
  const committing = new OffsetCommitter(parts.context).commitFirst([7], () => false)
    .then(() => isDone = true);
  await settled();
  const delaysMs = [200, 400, 800, 1600, 3200, 5000, 5000];
  for (const [attempt, delayMs] of delaysMs.entries()) {
    parts.source.commits[attempt]!.answer.reject(AWAY);
    await parts.advance(delayMs - 1);
    assertEquals(parts.source.commits.length, attempt + 1);
    await parts.advance(1);
    assertEquals(parts.source.commits.length, attempt + 2);
  }
  assertEquals(isDone, false);
  parts.source.commits.at(-1)!.answer.resolve();
  await committing;
  // Each try came after a proof that all shards are ours.
  assertEquals(parts.log.refreshed, offsets(parts).map(() => [0, 1]));
  assertEquals(offsets(parts), [...delaysMs, 0].map(() => [7]));
  // Several times, and said every ten seconds.
  assertEquals(parts.lines.length, 2);
});

Deno.test("OffsetCommitter.commitFirst() commits nothing when a shard is not ours any more", async () => {
  const parts = new EngineParts();
  const fenced = new OutputLogError("a newer owner exists", { code: "fenced", retryable: false });
  parts.log.refreshFailure = fenced;
  const committing = new OffsetCommitter(parts.context).commitFirst([7], () => false);
  assertEquals(await assertRejects(() => committing, OutputLogError), fenced);
  assertEquals(offsets(parts), []);
});

Deno.test("OffsetCommitter.commitFirst() gives up on what nobody can wait out", async () => {
  const parts = new EngineParts();
  const committing = new OffsetCommitter(parts.context).commitFirst([7], () => false);
  await settled();
  parts.source.commits[0]!.answer.reject(DENIED);
  assertEquals(await assertRejects(() => committing, SourceError), DENIED);
});

Deno.test("OffsetCommitter.commitFirst() ends when the engine stops, though nothing is committed", async () => {
  const parts = new EngineParts();
  let isStopping = false;
  const committing = new OffsetCommitter(parts.context).commitFirst([7], () => isStopping);
  await settled();
  parts.source.commits[0]!.answer.reject(AWAY);
  await settled();
  isStopping = true;
  await parts.advance(200);
  await committing;
  assertEquals(parts.source.commits.length, 1);
});

const HOUR_MS = 3_600_000;

/** Commits, and answers that it is done if anything was asked for. */
async function commit(parts: EngineParts, committer: OffsetCommitter): Promise<void> {
  const before = parts.source.commits.length;
  const committing = committer.commit();
  if (parts.source.commits.length > before) parts.source.commits.at(-1)!.answer.resolve();
  await committing;
}

function offsets(parts: EngineParts): (readonly number[])[] {
  return parts.source.commits.map(({ offsets }) => offsets);
}
