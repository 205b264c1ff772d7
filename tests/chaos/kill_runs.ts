import { pause } from "../support/kafka/broker_process.ts";
import type { ChaosMode, ChaosStage } from "./chaos_run.ts";
import { renderSpread } from "./spread.ts";

/**
 * Kills the engine at random instants and starts it again at once, now and then after a pause.
 * One kill in five comes while it starts, mostly before it has written anything; the others come
 * some time after its first records.
 */
export const KILL_MODE: ChaosMode = { name: "kills", run: runKills };

async function runKills({ world, random, say }: ChaosStage, kills: number): Promise<string[]> {
  const engine = world.engine("killed");
  const firstRecordsMs: number[] = [];
  let early = 0;
  engine.start();
  await world.firstRecords(engine, { everywhere: true });
  for (let kill = 1; kill <= kills; kill++) {
    if (random.chance(EARLY_SHARE)) {
      await pause(random.int(0, EARLY_MS_MAX));
      early++;
    } else {
      if (kill > 1) firstRecordsMs.push(await world.firstRecords(engine));
      const isLong = random.chance(LONG_SHARE);
      await pause(isLong ? random.int(LONG_MS_MIN, LONG_MS_MAX) : random.int(0, ALIVE_MS_MAX));
    }
    world.assertRunning(engine);
    await engine.kill9();
    if (random.chance(PAUSE_SHARE)) await pause(random.int(0, PAUSE_MS_MAX));
    engine.start();
    if (kill % 10 === 0) say(`${kill} of ${kills} kills, first records ${told(firstRecordsMs)}`);
  }
  firstRecordsMs.push(await world.firstRecords(engine));
  return [
    `${kills} kills at random instants, ${early} of them during a start`,
    `restart to first records, min / median / max: ${renderSpread(firstRecordsMs)}`,
  ];
}

function told(firstRecordsMs: readonly number[]): string {
  return `${((firstRecordsMs.at(-1) ?? 0) / 1000).toFixed(2)} s after the last restart`;
}

const EARLY_SHARE = 0.2;
const EARLY_MS_MAX = 900;
const ALIVE_MS_MAX = 2500;
/**
 * A restart reads the output from the point R, which stands still for a grace after each: an engine
 * that never lives so long has more to read each time.
 */
const LONG_SHARE = 0.15;
const LONG_MS_MIN = 7000;
const LONG_MS_MAX = 10_000;
const PAUSE_SHARE = 0.1;
const PAUSE_MS_MAX = 3000;
