import { pause } from "../support/kafka/broker_process.ts";
import type { ProxiedMessage, ProxyDirection } from "../support/kafka/tcp_proxy.ts";
import { ApiKey } from "../support/kafka/wire_client.ts";
import type { ChaosMode, ChaosStage } from "./chaos_run.ts";
import type { EngineUnderTest } from "./engine_under_test.ts";
import { renderSpread } from "./spread.ts";
import { becomes, within } from "./within.ts";

/**
 * Kills the engine at named points of its work. No code for that is in the engine: the points are
 * the messages it exchanges with its broker, seen by a proxy, and the files it writes.
 */
export const FAILPOINT_MODE: ChaosMode = {
  name: "failpoints",
  withProxy: true,
  run: runFailpoints,
};

interface Failpoint {
  readonly name: string;
  /** Whether the engine is met while it works, or while it starts. */
  readonly during: "work" | "start";
  /** Kills the engine at the point. @returns whether it came. */
  readonly kill: (stage: ChaosStage, engine: EngineUnderTest) => Promise<boolean>;
}

const FAILPOINTS: readonly Failpoint[] = [
  ...atMessage("produce of records", "work", { topic: "output", apiKey: ApiKey.produce }),
  ...atMessage("produce of a dead letter", "work", {
    topic: "deadLetters",
    apiKey: ApiKey.produce,
    isRare: true,
  }),
  ...atMessage("fetch of events", "work", { topic: "input", apiKey: ApiKey.fetch }),
  ...atMessage("commit of the group's offsets", "work", {
    topic: "input",
    apiKey: ApiKey.offsetCommit,
    isRare: true,
  }),
  ...atMessage("fencing: producer id", "start", { apiKey: ApiKey.initProducerId }),
  ...atMessage("fencing: begin of the transaction", "start", {
    topic: "output",
    apiKey: ApiKey.addPartitionsToTxn,
  }),
  ...atMessage("fencing: abort of the transaction", "start", { apiKey: ApiKey.endTxn }),
  ...atMessage("restoring: fetch of the output", "start", {
    topic: "output",
    apiKey: ApiKey.fetch,
  }),
  ...atMessage("restoring: read of the group's offsets", "start", {
    apiKey: ApiKey.offsetFetch,
    isRare: true,
  }),
  { name: "between two writes of a checkpoint", during: "work", kill: killInCheckpoint },
  { name: "after a checkpoint was published", during: "work", kill: killAfterCheckpoint },
  { name: "while it stops", during: "work", kill: killWhileStopping },
];

async function runFailpoints(stage: ChaosStage, rounds: number): Promise<string[]> {
  const { world, say } = stage;
  const engine = world.engine("failpoints", { settings: ["checkpoint.interval=10s"] });
  const lines: string[] = [];
  const all: number[] = [];
  engine.start();
  await world.firstRecords(engine, { everywhere: true });
  for (const { name, during, kill } of FAILPOINTS) {
    const firstRecordsMs: number[] = [];
    let met = 0;
    for (let round = 0; round < rounds; round++) {
      world.assertRunning(engine);
      const killed = kill(stage, engine);
      if (during === "start") {
        await engine.kill9();
        engine.start();
      }
      if (await killed) met++;
      await engine.kill9();
      engine.start();
      firstRecordsMs.push(await world.firstRecords(engine));
    }
    if (met < rounds) world.failures.push(`"${name}" was met in ${met} of ${rounds} rounds only`);
    all.push(...firstRecordsMs);
    lines.push(`${met} × ${name}: first records ${renderSpread(firstRecordsMs)}`);
    say(lines.at(-1)!);
  }
  return [...lines, `all, restart to first records, min / median / max: ${renderSpread(all)}`];
}

/** Three points: the request does not arrive, it arrives but nobody waits, the answer is lost. */
function atMessage(
  name: string,
  during: Failpoint["during"],
  { topic, apiKey, isRare = false }: {
    /** Only messages that name it. The answer to some of them does not. */
    readonly topic?: "input" | "output" | "deadLetters";
    readonly apiKey: number;
    /** It does not come several times in a start, or a second. */
    readonly isRare?: boolean;
  },
): Failpoint[] {
  const at =
    (direction: ProxyDirection, verdict: "pass" | "close"): Failpoint["kill"] =>
    async (stage, engine) => {
      const { world, proxy, random } = stage;
      const name = topic === undefined ? null : new TextEncoder().encode(world[topic]);
      const { promise: met, resolve } = Promise.withResolvers<true>();
      // Not always the first: requests go out for each partition.
      let others = isRare ? 0 : random.int(0, OTHERS_MAX);
      const fits = ({ bytes }: ProxiedMessage) => name === null || includes(bytes, name);
      const rule = proxy!.addRule({
        direction,
        apiKey,
        decide(message) {
          if (!fits(message) || others-- > 0) return "pass";
          others = Infinity;
          engine.signal("SIGKILL");
          resolve(true);
          return verdict;
        },
      });
      const isMet = await within(MEET_MS, met);
      rule.remove();
      return isMet !== null;
    };
  return [
    { name: `${name}, before it reaches the broker`, during, kill: at("request", "close") },
    { name: `${name}, while it is under way`, during, kill: at("request", "pass") },
    { name: `${name}, before its answer`, during, kill: at("response", "close") },
  ];
}

async function killInCheckpoint(
  { random }: ChaosStage,
  engine: EngineUnderTest,
): Promise<boolean> {
  let writes = random.int(1, 12);
  using watcher = Deno.watchFs(engine.stateDir);
  const timer = setTimeout(() => watcher.close(), MEET_MS);
  for await (const { kind, paths } of watcher) {
    if (kind !== "modify" || !paths.some((path) => path.endsWith("-wal")) || --writes > 0) continue;
    engine.signal("SIGKILL");
    clearTimeout(timer);
    return true;
  }
  return false;
}

async function killAfterCheckpoint(_: ChaosStage, engine: EngineUnderTest): Promise<boolean> {
  const written = async () => await engine.metric("sessionwheel_checkpoints_total") ?? 0;
  const before = await written();
  const isMet = await becomes(MEET_MS, async () => await written() > before);
  engine.signal("SIGKILL");
  return isMet;
}

async function killWhileStopping(
  { random }: ChaosStage,
  engine: EngineUnderTest,
): Promise<boolean> {
  engine.signal("SIGTERM");
  await pause(random.int(0, STOP_MS_MAX));
  engine.signal("SIGKILL");
  return true;
}

function includes(bytes: Uint8Array, wanted: Uint8Array): boolean {
  // Names of topics stand near the beginning of all these messages.
  const end = Math.min(bytes.length, SEARCH_BYTES) - wanted.length;
  for (let at = 0; at <= end; at++) {
    let length = 0;
    while (length < wanted.length && bytes[at + length] === wanted[length]) length++;
    if (length === wanted.length) return true;
  }
  return false;
}

const OTHERS_MAX = 7;
const MEET_MS = 30_000;
const STOP_MS_MAX = 300;
const SEARCH_BYTES = 400;
