import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import type {
  CheckpointAnswer,
  CheckpointRequest,
  CheckpointWorkerReport,
} from "../../../lib/adapters/kv/checkpoint_messages.ts";
import { KvCheckpointStore } from "../../../lib/adapters/kv/kv_checkpoint_store.ts";
import { RemoteCheckpointStore } from "../../../lib/adapters/kv/remote_checkpoint_store.ts";
import { serveCheckpointStore } from "../../../lib/adapters/kv/serve_checkpoint_store.ts";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";
import {
  MemoryCheckpointDisk,
  MemoryCheckpointStore,
} from "../../../lib/adapters/memory/memory_checkpoint_store.ts";
import {
  type CheckpointStore,
  CheckpointStoreError,
  type CheckpointWriter,
} from "../../../lib/ports/checkpoint_store.ts";
import { patternOf, readAll } from "../../contract/checkpoint_store_suite.ts";

/** A remote store in front of this one, in the same thread. */
function connect(store: CheckpointStore): { remote: RemoteCheckpointStore; end(): void } {
  const { port1, port2 } = new MessageChannel();
  void serveCheckpointStore(port2, store);
  const remote = new RemoteCheckpointStore(port1, new ManualClock());
  return {
    remote,
    end: () => {
      remote.fail("the test is over");
      port2.close();
    },
  };
}

/** The other end of a remote store, where nobody answers unless the test does, at once. */
class SilentPort {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onmessageerror: ((event: MessageEvent) => void) | null = null;
  readonly requests: CheckpointRequest[] = [];
  pings = 0;
  isClosed = false;

  postMessage(request: CheckpointRequest): void {
    if (request.kind === "ping") this.pings++;
    else this.requests.push(request);
  }

  close(): void {
    this.isClosed = true;
  }

  answer(data: CheckpointAnswer): void {
    this.onmessage!(new MessageEvent("message", { data }));
  }
}

function connectToNobody(): {
  port: SilentPort;
  clock: ManualClock;
  remote: RemoteCheckpointStore;
} {
  const port = new SilentPort();
  const clock = new ManualClock();
  const remote = new RemoteCheckpointStore(port as unknown as MessagePort, clock);
  return { port, clock, remote };
}

Deno.test("RemoteCheckpointStore carries a typed error with its fields", async () => {
  const disk = new MemoryCheckpointDisk();
  const { remote, end } = connect(new MemoryCheckpointStore(disk));
  disk.writeFailure = "disk_full";
  const writer = await remote.begin(3);
  const error = await assertRejects(async () => {
    for (let i = 0; i < 100; i++) await writer.writeChunk(patternOf(i, 10));
  }, CheckpointStoreError);
  assertEquals([error.code, error.retryable], ["disk_full", true]);
  assertStringIncludes(error.message, "shard 3");
  // The generation is lost for good, also when there is room again.
  disk.writeFailure = null;
  await assertRejects(() => writer.publish(patternOf(0, 10)), CheckpointStoreError);
  await writer.abandon();
  assertEquals(await remote.read(3), null);
  end();
});

Deno.test("RemoteCheckpointStore reports a failure of the first chunks at the publish", async () => {
  const disk = new MemoryCheckpointDisk();
  const { remote, end } = connect(new MemoryCheckpointStore(disk));
  const writer = await remote.begin(0);
  disk.writeFailure = "read_only";
  await writer.writeChunk(patternOf(1, 10));
  const error = await assertRejects(() => writer.publish(new Uint8Array(1)), CheckpointStoreError);
  assertEquals(error.code, "read_only");
  assertEquals(await remote.read(0), null);
  end();
});

Deno.test("RemoteCheckpointStore passes damage on and then reads the generation before", async () => {
  const disk = new MemoryCheckpointDisk();
  const { remote, end } = connect(new MemoryCheckpointStore(disk));
  for (const seed of [1, 2]) {
    const writer = await remote.begin(0);
    for (let i = 0; i < 90; i++) await writer.writeChunk(patternOf(seed, 50_000));
    await writer.publish(patternOf(seed, 5));
  }
  disk.damageChunk(0, 80);
  const error = await assertRejects(() => readAll(remote, 0), CheckpointStoreError);
  assertEquals(error.code, "damaged");
  assertEquals((await remote.warnings()).length, 1);
  assertEquals((await readAll(remote, 0))[0], patternOf(1, 5));
  end();
});

Deno.test("RemoteCheckpointStore transfers chunks instead of copying them", async () => {
  const { remote, end } = connect(new MemoryCheckpointStore());
  const writer = await remote.begin(0);
  const whole = patternOf(1, 100);
  const chunks = [whole.subarray(0, 40), whole.subarray(40), patternOf(2, 10)];
  for (const chunk of chunks) await writer.writeChunk(chunk);
  await writer.publish(new Uint8Array(1));
  assertEquals(chunks.map((chunk) => chunk.length), [0, 0, 0]);
  const [, stored] = await readAll(remote, 0);
  assertEquals(stored, [
    patternOf(1, 100).slice(0, 40),
    patternOf(1, 100).slice(40),
    patternOf(2, 10),
  ]);
  end();
});

Deno.test("RemoteCheckpointStore makes the caller wait while the disk is slow", async () => {
  let taken = 0;
  let release = () => {};
  const slow = new Promise<void>((resolve) => release = resolve);
  const writer: CheckpointWriter = {
    writeChunk: () => {
      taken++;
      return slow;
    },
    publish: () => Promise.resolve(),
    abandon: () => Promise.resolve(),
  };
  const { remote, end } = connect({
    begin: () => Promise.resolve(writer),
    read: () => Promise.resolve(null),
    warnings: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  });
  const remoteWriter = await remote.begin(0);
  let handedIn = 0;
  const all = (async () => {
    for (let i = 0; i < 500; i++) {
      await remoteWriter.writeChunk(new Uint8Array(10));
      handedIn++;
    }
    await remoteWriter.publish(new Uint8Array(1));
  })();
  // Two round trips of the same port are enough for whatever was going to come.
  for (let i = 0; i < 2; i++) await remote.warnings();
  assertLess(handedIn, 50);
  release();
  await all;
  assertEquals([handedIn, taken], [500, 500]);
  end();
});

Deno.test("RemoteCheckpointStore rejects everything at once when it is told of a death", async () => {
  const { remote, port } = connectToNobody();
  const waiting = [remote.begin(0), remote.read(1), remote.warnings()];
  assertEquals(port.requests.map(({ kind }) => kind), ["begin", "read", "warnings"]);
  remote.fail("its thread ended: out of memory");
  for (const promise of waiting) {
    const error = await assertRejects(() => promise as Promise<unknown>, CheckpointStoreError);
    assertStringIncludes(error.message, "its thread ended: out of memory");
  }
  await assertRejects(() => remote.begin(0), CheckpointStoreError, "out of memory");
  assert(port.isClosed);
  // Nothing is left to close.
  await remote.close();
});

Deno.test("RemoteCheckpointStore rejects a writer's calls after a death", async () => {
  const { remote, port } = connectToNobody();
  const begun = remote.begin(0);
  port.answer({ id: port.requests[0]!.id, kind: "writer", writer: 1 });
  const writer = await begun;
  const writing = (async () => {
    for (;;) await writer.writeChunk(new Uint8Array(10));
  })();
  const outcome = assertRejects(() => writing, CheckpointStoreError, "its thread ended");
  remote.fail("its thread ended");
  await outcome;
  await assertRejects(() => writer.publish(new Uint8Array(1)), CheckpointStoreError);
  await assertRejects(() => writer.abandon(), CheckpointStoreError);
});

Deno.test("RemoteCheckpointStore gives a thread up that is silent for a minute", async () => {
  const { remote, port, clock } = connectToNobody();
  const outcome = assertRejects(() => remote.read(0), CheckpointStoreError);
  clock.advance(59_000);
  assertEquals([port.pings, port.isClosed], [59, false]);
  clock.advance(2_000);
  assertStringIncludes((await outcome).message, "its thread has been silent for 60 s");
  assertEquals(clock.nextWakeMs(), null);
});

Deno.test("RemoteCheckpointStore waits for a slow disk as long as its thread answers", async () => {
  const { remote, port, clock } = connectToNobody();
  const reading = remote.read(0);
  for (let i = 0; i < 10; i++) {
    clock.advance(50_000);
    port.answer({ id: 0, kind: "done" });
  }
  port.answer({ id: port.requests[0]!.id, kind: "nothing" });
  assertEquals(await reading, null);
  assertEquals(clock.nextWakeMs(), null);
});

Deno.test("RemoteCheckpointStore does not count silence while it asked for nothing", async () => {
  const { remote, port, clock } = connectToNobody();
  clock.advance(3_600_000);
  const reading = remote.read(0);
  clock.advance(30_000);
  port.answer({ id: port.requests[0]!.id, kind: "nothing" });
  assertEquals(await reading, null);
});

Deno.test("The checkpoint worker reports a directory that is in use, and one that it opened", async () => {
  const directory = await Deno.makeTempDir({ prefix: "checkpoint_worker_" });
  const start = async (): Promise<[Worker, CheckpointWorkerReport]> => {
    const url = new URL("../../../lib/workers/checkpoint_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    const { port1, port2 } = new MessageChannel();
    const report = new Promise<CheckpointWorkerReport>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    });
    worker.postMessage({ kind: "open", directory, port: port2 }, [port2]);
    const first = await report;
    port1.close();
    return [worker, first];
  };
  const store = await KvCheckpointStore.open(directory);
  const [refused, failed] = await start();
  assert(failed.kind === "failed");
  assertEquals([failed.failure.code, failed.failure.retryable], ["locked", true]);
  assertStringIncludes(failed.failure.message, directory);
  refused.terminate();
  await store.close();
  const [worker, opened] = await start();
  assertEquals(opened, { kind: "opened", warnings: [] });
  worker.terminate();
  await Deno.remove(directory, { recursive: true });
});
