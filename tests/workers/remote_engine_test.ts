import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { EngineUnavailableError } from "../../lib/ports/engine_queries.ts";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import type { EngineRequest } from "../../lib/workers/engine_messages.ts";
import { RemoteEngine } from "../../lib/workers/remote_engine.ts";

/** The other thread: notes what it is asked, and says what the test lets it say. */
class FakeThread {
  readonly requests: EngineRequest[] = [];
  readonly transferred: Transferable[] = [];
  readonly logged: string[] = [];
  /** Thrown by whoever takes the log. */
  logFailure: Error | null = null;
  readonly engine: RemoteEngine;

  constructor(options: { readonly takesEvents: boolean } = { takesEvents: true }) {
    this.engine = new RemoteEngine({
      ...options,
      post: (request, transfer) => {
        this.requests.push(request);
        this.transferred.push(...transfer);
      },
      writeLog: (line) => {
        if (this.logFailure !== null) throw this.logFailure;
        this.logged.push(line);
      },
    });
  }

  get lastId(): number {
    const last = this.requests.at(-1)!;
    return "id" in last ? last.id : NaN;
  }
}

const BUG = { kind: "bug" as const, message: "it is gone", stack: null };
const STATUS = new EngineMetrics().snapshot({ monotonicMs: 1, wallMs: 2 });

Deno.test("RemoteEngine matches answers to questions, in whatever order they come", async () => {
  const thread = new FakeThread();
  const { engine } = thread;
  const status = engine.status();
  const statusId = thread.lastId;
  const device = engine.device("a");
  const deviceId = thread.lastId;
  engine.receive({ kind: "device", id: deviceId, view: null });
  engine.receive({ kind: "status", id: statusId, status: STATUS });
  assertEquals(await device, null);
  assertStrictEquals(await status, STATUS);
});

Deno.test("RemoteEngine rejects what the thread refuses, with whether to ask again", async () => {
  const thread = new FakeThread();
  const asked = thread.engine.ingest!(new Uint8Array([1]), "json");
  thread.engine.receive({ kind: "refused", id: thread.lastId, message: "full", retryable: true });
  const error = await assertRejects(() => asked, EngineUnavailableError) as EngineUnavailableError;
  assertEquals([error.message, error.retryable], ["full", true]);
});

Deno.test("RemoteEngine settles every open and later question when the thread is gone", async () => {
  const thread = new FakeThread();
  const { engine } = thread;
  const open = [engine.status(), engine.device("a"), engine.ingest!(new Uint8Array([1]), "json")];
  const settled = Promise.allSettled(open);
  engine.lost(BUG);
  assertEquals((await settled).map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  assertEquals(await engine.ended, { kind: "failed", failure: BUG });
  const asked = thread.requests.length;
  await assertRejects(() => engine.status(), EngineUnavailableError);
  engine.stop();
  // Nobody is there any more to be told anything.
  assertEquals(thread.requests.length, asked);
});

Deno.test("RemoteEngine ends once, as the first report says", async () => {
  const { engine } = new FakeThread();
  engine.receive({ kind: "stopped", isSettled: true });
  engine.lost(BUG);
  assertEquals(await engine.ended, { kind: "stopped", isSettled: true });
});

Deno.test("RemoteEngine takes events only where the engine does", () => {
  assertEquals(new FakeThread({ takesEvents: false }).engine.ingest, undefined);
});

Deno.test("RemoteEngine transfers a whole body and leaves the rest of a larger buffer alone", () => {
  const thread = new FakeThread();
  const whole = new Uint8Array([1, 2, 3]);
  thread.engine.ingest!(whole, "json").catch(() => {});
  assertStrictEquals(thread.transferred[0], whole.buffer);
  const larger = new Uint8Array([1, 2, 3, 4]);
  thread.engine.ingest!(larger.subarray(1, 3), "json").catch(() => {});
  assertEquals(new Uint8Array(thread.transferred[1] as ArrayBuffer), new Uint8Array([2, 3]));
  assertEquals(larger.length, 4);
  thread.engine.lost(BUG);
});

Deno.test("RemoteEngine passes log lines on, and outlives a log that cannot be written", () => {
  const thread = new FakeThread();
  thread.engine.receive({ kind: "log", line: "one\n" });
  thread.logFailure = new Error("no space left");
  thread.engine.receive({ kind: "log", line: "two\n" });
  thread.logFailure = null;
  thread.engine.receive({ kind: "log", line: "three\n" });
  assertEquals(thread.logged, ["one\n", "three\n"]);
});
