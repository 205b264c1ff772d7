import { pause } from "../support/kafka/broker_process.ts";
import type { ChaosMode, ChaosStage } from "./chaos_run.ts";
import { ChaosWorld } from "./chaos_world.ts";
import type { EngineUnderTest } from "./engine_under_test.ts";
import {
  copyDir,
  keepWhole,
  putBackWhole,
  runTool,
  type StateDisk,
  STORAGE_FAULTS,
} from "./storage_faults.ts";
import { renderSpread } from "./spread.ts";
import { becomes } from "./within.ts";

/**
 * Harms the state directory between two runs of the engine, which has to start all the same, to
 * name what it found, and to restore from the output what the disk has lost. The directory is on a
 * small disk of its own (tmpfs), which takes the right to mount one.
 */
export const STORAGE_MODE: ChaosMode = { name: "storage", devicesShare: 0.5, run: runStorage };

async function runStorage(stage: ChaosStage, rounds: number): Promise<string[]> {
  const { world, folder, random } = stage;
  const disk = `${folder}/disk`;
  const state: StateDisk = {
    disk,
    stateDir: `${disk}/state`,
    wholeDir: `${folder}/whole.state`,
    olderDir: `${folder}/older.state`,
    foreignDir: `${folder}/foreign.state`,
    random,
  };
  const engine = world.engine("storage", {
    stateDir: state.stateDir,
    settings: ["checkpoint.interval=10s"],
  });
  await Deno.mkdir(disk);
  await runTool("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", disk]);
  let lines: string[];
  try {
    await makeForeign(stage, state.foreignDir);
    engine.start();
    await world.firstRecords(engine, { everywhere: true });
    await engine.terminate();
    await copyDir(state.stateDir, state.olderDir);
    engine.start();
    lines = await harmAndStart(stage, state, engine, rounds);
    lines.push(await shareDirectory(stage, engine));
  } finally {
    await engine.kill9();
    await runTool("umount", [disk]);
  }
  const last = world.engine("after-storage");
  last.start();
  await world.firstRecords(last, { everywhere: true });
  return lines;
}

/**
 * Each harm comes to a whole directory, which the engine has left a moment before; the engine starts
 * twice on what is left, ends in order the second time, and then has the whole one back. Leaves the
 * engine running.
 */
async function harmAndStart(
  { world, random, say }: ChaosStage,
  state: StateDisk,
  engine: EngineUnderTest,
  rounds: number,
): Promise<string[]> {
  const lines: string[] = [];
  const firstRecordsMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const { name, harm, mend, said } of STORAGE_FAULTS) {
      await world.firstRecords(engine, { everywhere: true });
      await pause(random.int(500, 3000));
      world.assertRunning(engine);
      // Mostly a directory that was left in order: a killed engine's checkpoint may be of no use.
      const isKilled = round > 0 && random.chance(0.3);
      if (isKilled) await engine.kill9();
      else await engine.terminate();
      await keepWhole(state);
      await harm(state);
      engine.start();
      firstRecordsMs.push(await world.firstRecords(engine));
      if (said !== null && !isKilled && !await becomes(SAID_MS, () => said.test(engine.log()))) {
        world.failures.push(`"${name}" was not named. The log:\n${engine.log().slice(-2500)}`);
      }
      world.assertRunning(engine);
      if (round === 0) lines.push(`${name}: ${wordsOf(engine)}`);
      say(`${name}: ${wordsOf(engine)}`);
      await engine.kill9();
      await mend?.(state);
      engine.start();
      await world.firstRecords(engine, { everywhere: true });
      world.assertRunning(engine);
      const code = await engine.terminate();
      // What the first start has put right is right: it takes checkpoints again.
      if (code !== 0 || engine.log().includes("checkpoint cannot be written")) {
        world.failures.push(
          `"${name}" outlived a start (exit code ${code}). The log:\n${engine.log().slice(-2500)}`,
        );
      }
      await putBackWhole(state);
      engine.start();
    }
  }
  await world.firstRecords(engine, { everywhere: true });
  const all = renderSpread(firstRecordsMs);
  return [...lines, `${firstRecordsMs.length} starts on harm, first records ${all}`];
}

/** A second engine on the directory of a living one has to leave it alone. */
async function shareDirectory(
  { world }: ChaosStage,
  engine: EngineUnderTest,
): Promise<string> {
  const second = world.engine("second", { stateDir: engine.stateDir });
  second.start();
  const code = await second.exited(30_000);
  const words = second.log();
  if (code !== IN_USE_EXIT_CODE || !words.includes("holds it")) {
    world.failures.push(`a second engine on one directory ended with ${code}: ${words}`);
  }
  await second.kill9();
  world.assertRunning(engine);
  return `a second engine on the same directory: exit code ${code}, the first goes on`;
}

/** A state directory with checkpoints in it that are of other topics. */
async function makeForeign({ world, folder }: ChaosStage, to: string): Promise<void> {
  const other = await ChaosWorld.open({ ...world.options, devices: 200, folder: `${folder}` });
  try {
    const engine = other.engine("foreign-owner");
    engine.start();
    await other.firstRecords(engine, { everywhere: true });
    await pause(3000);
    await engine.terminate();
    await copyDir(engine.stateDir, to);
  } finally {
    await other.close();
  }
}

/** What the engine said of its checkpoints, once each. */
function wordsOf(engine: EngineUnderTest): string {
  const words = new Set<string>();
  for (const line of engine.log().split("\n")) {
    if (!/damaged|foreign|put aside|heckpoint/.test(line)) continue;
    try {
      const { message, reason, error } = JSON.parse(line);
      words.add([message, reason, error?.message ?? error].filter(Boolean).join(": "));
    } catch {
      words.add(line);
    }
  }
  if (words.size === 0) return "no word, and none needed";
  const [first, ...rest] = words;
  return rest.length === 0 ? `"${first}"` : `"${first}" and ${rest.length} more`;
}

/** A full disk is met at the next checkpoint. */
const SAID_MS = 20_000;
const DISK_BYTES = 256 << 20;
const IN_USE_EXIT_CODE = 74;
