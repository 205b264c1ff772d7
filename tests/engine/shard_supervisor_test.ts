import { assert, assertEquals } from "@std/assert";
import type {
  OutputLimits,
  OutputLog,
  OutputTopic,
  ProduceBatch,
  ProduceListener,
  ShardOwnership,
} from "../../lib/ports/output_log.ts";
import { type EngineProcess, EngineWorld } from "../support/engine/engine_world.ts";

const SHARDS = 16;

Deno.test("ShardSupervisor.restoreAll() asks for every fence before it waits for the first", async () => {
  const world = new EngineWorld({ outputPartitions: SHARDS });
  const { process, log } = gated(world, { fencesTogether: SHARDS });
  // A fence of this log comes only once all are asked for.
  await process.start();
  assertEquals(process.isStarted, true, `${log.calls.length} of ${SHARDS} fences were asked for`);
});

Deno.test("ShardSupervisor.restoreAll() has asked for all fences when it reads its first shard", async () => {
  const world = await used();
  const { process, log } = gated(world, {});
  await process.start();
  assertEquals(process.isStarted, true);
  assertEquals(log.calls.slice(0, SHARDS), new Array(SHARDS).fill("fence"));
  assertEquals(log.calls.length, 2 * SHARDS);
});

Deno.test("ShardSupervisor.restoreAll() reads four shards at a time", async () => {
  const world = await used();
  const { process, log } = gated(world, { holdsReads: true });
  process.engine.start().then(() => process.isStarted = true);
  const openAtOnce: number[] = [];
  for (let i = 0; i < SHARDS; i++) {
    await world.advance(0);
    openAtOnce.push(log.openReads);
    log.answerRead();
  }
  await world.advance(100);
  assert(process.isStarted);
  assertEquals(openAtOnce, [...new Array(SHARDS - 3).fill(4), 3, 2, 1]);
});

Deno.test("ShardSupervisor.restoreAll() reads the other shards while the fence of one is not there", async () => {
  const world = await used();
  const { process, log } = gated(world, { lateFence: 0 });
  process.engine.start().then(() => process.isStarted = true);
  await world.advance(100);
  assertEquals([process.isStarted, log.reads], [false, SHARDS - 1]);
  log.giveLateFence();
  await world.advance(100);
  assertEquals([process.isStarted, log.reads], [true, SHARDS]);
});

/** A world in which each shard has something to restore. */
async function used(): Promise<EngineWorld> {
  const world = new EngineWorld({ outputPartitions: SHARDS });
  const first = world.engine();
  await first.start();
  for (let shard = 0; shard < SHARDS; shard++) world.sendStart(world.deviceOn(shard), shard);
  await world.advance(1000);
  assertEquals(world.records().length, SHARDS);
  first.kill();
  return world;
}

interface GateOptions {
  /** Fences are given when so many are asked for. */
  readonly fencesTogether?: number;
  /** The shard whose fence waits for `giveLateFence`. */
  readonly lateFence?: number;
  /** Reads of tails wait for `answerRead`. */
  readonly holdsReads?: boolean;
}

function gated(
  world: EngineWorld,
  options: GateOptions,
): { readonly process: EngineProcess; readonly log: GatedLog } {
  let log: GatedLog | null = null;
  const process = world.engine({
    wrapPorts: (ports) => ({ ...ports, log: log = new GatedLog(ports.log, options) }),
  });
  return { process, log: log! };
}

/** A log whose answers wait for the test. */
class GatedLog implements OutputLog {
  /** Fences and reads of tails, in the order in which they were asked for. */
  readonly calls: ("fence" | "read")[] = [];
  readonly #inner: OutputLog;
  readonly #options: GateOptions;
  readonly #together = Promise.withResolvers<void>();
  readonly #late = Promise.withResolvers<void>();
  readonly #held: (() => void)[] = [];

  constructor(inner: OutputLog, options: GateOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  get openReads(): number {
    return this.#held.length;
  }

  get reads(): number {
    return this.calls.filter((call) => call === "read").length;
  }

  answerRead(): void {
    this.#held.shift()?.();
  }

  giveLateFence(): void {
    this.#late.resolve();
  }

  async acquire(shard: number): Promise<ShardOwnership> {
    const { fencesTogether = 0, lateFence } = this.#options;
    if (this.calls.push("fence") >= fencesTogether) this.#together.resolve();
    await this.#together.promise;
    if (shard === lateFence) await this.#late.promise;
    return await this.#inner.acquire(shard);
  }

  async readTail(shard: number, end: number): Promise<Uint8Array | null> {
    this.calls.push("read");
    if (this.#options.holdsReads) await new Promise<void>((resolve) => this.#held.push(resolve));
    return await this.#inner.readTail(shard, end);
  }

  open(): Promise<OutputTopic> {
    return this.#inner.open();
  }

  read(shard: number, from: number, to: number): AsyncIterable<Uint8Array> {
    return this.#inner.read(shard, from, to);
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    this.#inner.produce(batches, onResult);
  }

  readLimits(): Promise<OutputLimits> {
    return this.#inner.readLimits();
  }

  refresh(shards: readonly number[]): Promise<void> {
    return this.#inner.refresh(shards);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
