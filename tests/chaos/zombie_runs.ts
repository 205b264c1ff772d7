import { pause } from "../support/kafka/broker_process.ts";
import { ApiKey } from "../support/kafka/wire_client.ts";
import type { ChaosMode, ChaosStage } from "./chaos_run.ts";
import type { EngineUnderTest } from "./engine_under_test.ts";
import { sendRecordedProduce } from "./produce_frame.ts";
import { renderSpread } from "./spread.ts";

/**
 * Two engines of one deployment at a time, as when a machine that was given up comes back: the
 * older one must find itself fenced, write nothing more, say so, and end with the exit code that
 * keeps a service manager from starting it again.
 *
 * `frozen`: the older one is stopped in its tracks and goes on when the newer one has written.
 * `alive`: it is not stopped. `late request`: it is dead, but a Produce request of it was still
 * under way and reaches the broker when the newer one has written.
 */
export const ZOMBIE_MODE: ChaosMode = { name: "zombies", withProxy: true, run: runZombies };

/**
 * Engines that are stopped in their tracks for a minute, as when a machine is suspended: all their
 * connections, answers and timers are overdue at once when they go on. `asleep`: another one has
 * taken over meanwhile. Alone: nobody has, and the engine has to go on with its shards.
 */
export const SLEEPER_MODE: ChaosMode = { name: "sleepers", run: runSleepers };

/** As many of each kind as asked for, in turn. */
async function runSleepers(stage: ChaosStage, amount: number): Promise<string[]> {
  const { world, say } = stage;
  const asleepMs: number[] = [];
  const aloneMs: number[] = [];
  let owner = await firstOwner(stage);
  for (let turn = 1; turn <= amount; turn++) {
    const next = world.engine(`owner-${turn}`);
    await pause(stage.random.int(200, 1500));
    world.assertRunning(owner);
    const endedMs = await takeOver(stage, "asleep", owner, next);
    if (endedMs !== null) asleepMs.push(endedMs);
    owner = next;
    await pause(stage.random.int(200, 1500));
    aloneMs.push(await sleepAlone(stage, owner));
    say(`${turn} of ${amount} slept for ${SLEEP_MS / 1000} s, with and without a take-over`);
  }
  return [
    `${amount} engines stopped for ${SLEEP_MS / 1000} s and taken over: exit code ` +
    `${FENCED_EXIT_CODE} of each, min / median / max after waking: ${renderSpread(asleepMs)}`,
    `${amount} engines stopped for ${SLEEP_MS / 1000} s and not taken over: went on, from waking ` +
    `to records in every partition: ${renderSpread(aloneMs)}`,
  ];
}

/** @returns from waking to the first records in every partition. */
async function sleepAlone({ world }: ChaosStage, engine: EngineUnderTest): Promise<number> {
  engine.signal("SIGSTOP");
  await pause(SLEEP_MS);
  const sinceMs = performance.now();
  engine.signal("SIGCONT");
  const flow = { emittedAfterMs: Date.now(), timeoutMs: END_MS };
  const seenMs = await world.watch.flow(flow);
  if (seenMs === null) throw new Error(`An engine wrote nothing for ${END_MS / 1000} s`);
  world.assertRunning(engine);
  return seenMs - sinceMs;
}

/** As many frozen ones as asked for, and a fifth of that of each other kind. */
async function runZombies(stage: ChaosStage, frozen: number): Promise<string[]> {
  const { world, say } = stage;
  const others = Math.ceil(frozen / 5);
  const kinds = stage.random.shuffle([
    ...new Array<ZombieKind>(frozen).fill("frozen"),
    ...new Array<ZombieKind>(others).fill("alive"),
    ...new Array<ZombieKind>(others).fill("late request"),
  ]);
  const ends = new ZombieEnds();
  let owner = await firstOwner(stage);
  for (const [turn, kind] of kinds.entries()) {
    const next = world.engine(`owner-${turn + 1}`);
    await pause(stage.random.int(200, 1500));
    world.assertRunning(owner);
    if (kind === "late request") ends.refused += await lateRequest(stage, owner, next);
    else ends.add(kind, await takeOver(stage, kind, owner, next));
    await Deno.remove(owner.stateDir, { recursive: true }).catch(() => {});
    owner = next;
    if ((turn + 1) % 10 === 0) say(`${turn + 1} of ${kinds.length} take-overs`);
  }
  return [
    `${frozen} frozen and ${others} live engines taken over: exit code ${FENCED_EXIT_CODE} of each, ` +
    `min / median / max after waking or after the take-over: ${renderSpread(ends.frozenMs)}, ` +
    `${renderSpread(ends.aliveMs)}`,
    `${others} late requests of dead engines: ${ends.refused} batches refused as fenced`,
  ];
}

async function firstOwner({ world }: ChaosStage): Promise<EngineUnderTest> {
  const owner = world.engine("owner-0");
  owner.start();
  await world.firstRecords(owner, { everywhere: true });
  return owner;
}

type ZombieKind = "frozen" | "alive" | "late request";

class ZombieEnds {
  readonly frozenMs: number[] = [];
  readonly aliveMs: number[] = [];
  refused = 0;

  add(kind: "frozen" | "alive", ms: number | null): void {
    if (ms !== null) (kind === "frozen" ? this.frozenMs : this.aliveMs).push(ms);
  }
}

/** @returns how long the old one took to end, or null when it did not as it should. */
async function takeOver(
  { world, random }: ChaosStage,
  kind: "frozen" | "asleep" | "alive",
  old: EngineUnderTest,
  next: EngineUnderTest,
): Promise<number | null> {
  const stoppedMs = performance.now();
  if (kind !== "alive") old.signal("SIGSTOP");
  next.start();
  await world.firstRecords(next, { everywhere: true });
  if (kind === "frozen") await pause(random.int(0, 1000));
  if (kind === "asleep") await pause(Math.max(0, stoppedMs + SLEEP_MS - performance.now()));
  const sinceMs = performance.now();
  if (kind !== "alive") old.signal("SIGCONT");
  const code = await old.exited(END_MS);
  const endedMs = performance.now() - sinceMs;
  const hasSaid = old.log().includes("taken over");
  if (code !== FENCED_EXIT_CODE || !hasSaid) {
    world.failures.push(
      `a ${kind} engine ended with ${code} ${hasSaid ? "" : "and did not say why "}after ` +
        `another took over. The end of its log:\n${old.log().slice(-2000)}`,
    );
  }
  await old.kill9();
  return code === null ? null : endedMs;
}

/** @returns how many batches of the request the broker refused as fenced. */
async function lateRequest(
  { world, proxy, broker }: ChaosStage,
  old: EngineUnderTest,
  next: EngineUnderTest,
): Promise<number> {
  const output = world.output;
  const { promise: recorded, resolve } = Promise.withResolvers<Uint8Array>();
  const rule = proxy!.addRule({
    direction: "request",
    apiKey: ApiKey.produce,
    decide({ bytes }) {
      const head = new TextDecoder("latin1").decode(bytes.subarray(0, HEAD_BYTES));
      if (!head.includes(output)) return "pass";
      // Whatever follows it must not arrive either: TCP keeps the order.
      old.signal("SIGKILL");
      resolve(bytes.slice());
      return "close";
    },
  });
  const frame = await recorded;
  await old.kill9();
  rule.remove();
  next.start();
  await world.firstRecords(next, { everywhere: true });
  const errors = await sendRecordedProduce(broker.bootstrap, frame);
  if (errors.length === 0 || errors.some((error) => error !== FENCED_ERROR)) {
    world.failures.push(`a late request of a dead engine was answered with errors ${errors}`);
  }
  return errors.filter((error) => error === FENCED_ERROR).length;
}

const FENCED_EXIT_CODE = 78;
/** INVALID_PRODUCER_EPOCH */
const FENCED_ERROR = 47;
const END_MS = 30_000;
const SLEEP_MS = 60_000;
const HEAD_BYTES = 400;
