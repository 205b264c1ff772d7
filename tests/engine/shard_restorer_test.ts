import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { encodeRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import { POSITION_HEADER } from "../../lib/core/batch_builder.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";

const encoder = new TextEncoder();

Deno.test("Engine refuses an output that a foreign writer wrote to, and names the offset", async () => {
  const world = await used();
  append(world, [{ value: "not ours", position: null }]);
  const { end } = world.output.partition(0);
  assertStringIncludes(
    await failureOf(world),
    `at offset ${end - 1} that sessionwheel did not write`,
  );
});

Deno.test("Engine refuses a foreign record also behind which its own batches come", async () => {
  const world = await used();
  const position = lastPosition(world);
  append(world, [{ value: "not ours", position: null }]);
  append(world, [{ value: "{}", position }]);
  assertStringIncludes(await failureOf(world), "sessionwheel did not write");
});

Deno.test("Engine refuses the output of a newer version by name", async () => {
  const world = await used();
  const position = lastPosition(world);
  position[0] = 9;
  append(world, [{ value: "{}", position }]);
  assertStringIncludes(await failureOf(world), "its version is 9");
});

Deno.test("Engine refuses an output that had another number of partitions", async () => {
  const world = await used();
  const other = new EngineWorld({ outputPartitions: 2 });
  const partition = world.output.partition(0);
  for (const batch of batchesOf(partition.read(0, partition.end, Infinity))) {
    other.output.append(0, batch);
  }
  assertStringIncludes(await failureOf(other), "has 2 partitions, but it had 1");
});

Deno.test("Engine refuses an output that was made anew under a running process", async () => {
  const world = await used();
  const process = world.engine();
  await process.start();
  for (let minute = 0; minute < 5; minute++) await world.advance(60_000);
  process.kill();
  assertGreater(world.batches().at(-1)!.position.restoreOffset, 0);
  const partition = world.output.partition(0);
  const other = new EngineWorld();
  other.output.append(0, batchesOf(partition.read(0, partition.end, Infinity)).at(-1)!);
  assertStringIncludes(await failureOf(other), "made anew while it was written");
});

Deno.test("Engine refuses more input partitions than a batch can tell of", async () => {
  const world = new EngineWorld({ inputPartitions: 5000, batchBytesMax: 65_536 });
  assertStringIncludes(await failureOf(world), "max.message.bytes");
});

Deno.test("Engine goes on where a batch is broken off only by control records", async () => {
  const world = await used();
  for (let i = 0; i < 3; i++) {
    const owner = world.output.nextOwner(0);
    world.output.appendAbortMarker(0, owner, world.clock.wallMs());
  }
  const process = world.engine();
  await process.start();
  assertEquals(process.engine.status().sessions.active, 1);
});

/** A world whose output has records of a session. */
async function used(): Promise<EngineWorld> {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  process.kill();
  return world;
}

async function failureOf(world: EngineWorld): Promise<string> {
  const process = world.engine();
  await process.start().catch(() => {});
  const { failure } = process;
  return failure instanceof Error ? `${failure.name}: ${failure.message}` : "no failure";
}

function append(
  world: EngineWorld,
  records: readonly { value: string; position: Uint8Array | null }[],
): void {
  const batch = encodeRecordBatch({
    baseOffset: 0,
    producerId: -1,
    epoch: -1,
    baseSequence: -1,
    records: records.map(({ value, position }) => ({
      timestampMs: 0,
      key: encoder.encode("key"),
      value: encoder.encode(value),
      headers: position === null ? [] : [{ key: encoder.encode(POSITION_HEADER), value: position }],
    })),
  });
  const { kind } = world.output.append(0, batch);
  assertEquals(kind, "appended");
}

/** The bytes of the last position there is: the header is the last thing in its batch. */
function lastPosition(world: EngineWorld): Uint8Array {
  const bytes = world.output.partition(0).readLastData(world.output.partition(0).end)!;
  const name = encoder.encode(POSITION_HEADER);
  let at = bytes.length - name.length;
  while (!name.every((byte, i) => bytes[at + i] === byte)) at--;
  at += name.length;
  // Its length is a varint of one or two bytes.
  return bytes.slice(at + ((bytes[at]! & 0x80) === 0 ? 1 : 2));
}

function batchesOf(records: Uint8Array): Uint8Array[] {
  const view = new DataView(records.buffer, records.byteOffset);
  const batches: Uint8Array[] = [];
  for (let at = 0; at < records.length;) {
    const length = 12 + view.getInt32(at + 8);
    batches.push(records.slice(at, at + length));
    at += length;
  }
  return batches;
}
