import { setImmediate } from "node:timers";
import { MemoryCheckpointDisk } from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import type { SessionRules } from "../../lib/core/session_rules.ts";
import { Random } from "../support/random.ts";
import { EngineProcess } from "./engine_process.ts";
import { EventStream } from "./event_stream.ts";
import { checkAtRest, checkOrderFree } from "./convergence.ts";
import { FaultSchedule } from "./fault_schedule.ts";
import { OutputChecker } from "./output_checker.ts";
import { Punctuality } from "./punctuality.ts";
import { checkRestored, hashesAtRest } from "./restore_check.ts";
import { drawRules, type Scenario } from "./scenario.ts";
import { SimulatedWorld } from "./simulated_world.ts";

export interface SimulationOptions {
  readonly scenario: Scenario;
  readonly trace?: (line: string) => void;
}

export interface SimulationResult {
  /** What is wrong, the first thing first. */
  readonly faults: readonly string[];
  /** The step after which the first fault showed; the number of steps when it was at rest. */
  readonly failedAt: number;
  readonly counts: SimulationCounts;
}

export interface SimulationCounts {
  records: number;
  batches: number;
  sessions: number;
  processes: number;
  /** Killed between steps and at named points. */
  crashes: number;
  fenced: number;
  stops: number;
  checkpointsWritten: number;
  checkpointsRead: number;
  restoresCompared: number;
}

/** One run of the real core and engine in a world of one thread, all of it drawn from a seed. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  return await new Simulation(options).run();
}

class Simulation {
  readonly #scenario: Scenario;
  /** What happens to processes; everything else has a generator of its own. */
  readonly #random: Random;
  readonly #network: Random;
  readonly #world: SimulatedWorld;
  readonly #checker: OutputChecker;
  readonly #events: EventStream;
  readonly #schedule: FaultSchedule;
  readonly #punctuality: Punctuality;
  readonly #disks = [new MemoryCheckpointDisk(), new MemoryCheckpointDisk()];
  readonly #faults: string[] = [];
  #rules: SessionRules;
  #processes: EngineProcess[] = [];
  #processNumber = 0;
  #crashes = 0;
  #fenced = 0;
  #stops = 0;
  #restoresCompared = 0;
  /** State hash of each shard when a process died with nothing under way, and the batches then. */
  #left: { readonly hashes: readonly string[]; readonly batches: number } | null = null;

  constructor(options: SimulationOptions) {
    this.#scenario = options.scenario;
    this.#rules = options.scenario.rules;
    const random = new Random(options.scenario.seed ^ 0x5eed);
    this.#random = random.fork();
    this.#network = random.fork();
    this.#world = new SimulatedWorld(options.scenario, random.fork(), options.trace);
    this.#checker = new OutputChecker(this.#world);
    this.#events = new EventStream(this.#world, this.#checker.coverage, random.fork());
    this.#punctuality = new Punctuality(this.#world, this.#checker);
    this.#schedule = new FaultSchedule(this.#world, this.#checker, this.#disks, random.fork());
  }

  async run(): Promise<SimulationResult> {
    const { steps } = this.#scenario;
    let step = 0;
    for (; step < steps; step++) {
      this.#world.trace(`step ${step} at ${this.#world.clock.monotonicMs().toFixed(2)}`);
      await this.#step();
      if (this.#isFaulty()) break;
    }
    if (!this.#isFaulty()) await this.#comeToRest();
    const { records, batches, sessions } = this.#checker;
    const { checkpoints, killedAt } = this.#world;
    let killed = 0;
    for (const count of killedAt.values()) killed += count;
    return {
      faults: [...this.#faults, ...this.#checker.faults],
      failedAt: step,
      counts: {
        records,
        batches,
        sessions: sessions.size,
        processes: this.#processNumber,
        crashes: this.#crashes + killed,
        fenced: this.#fenced,
        stops: this.#stops,
        checkpointsWritten: checkpoints.written,
        checkpointsRead: checkpoints.read,
        restoresCompared: this.#restoresCompared,
      },
    };
  }

  #isFaulty(): boolean {
    return this.#faults.length > 0 || this.#checker.faults.length > 0;
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    this.#schedule.step();
    this.#moveProcesses();
    if (random.chance(0.7)) this.#events.sendSome();
    if (random.chance(0.002)) this.#events.sendOrphans(random.int(20, 80));
    const isPause = random.chance(world.amount("pause") * 0.01);
    await this.#advance(isPause ? random.int(500, 60_000) : random.int(0, 30));
    this.#punctuality.look(this.#processes, this.#fault);
  }

  /** Starts, crashes, stops, suspensions: what a step does to processes. */
  #moveProcesses(): void {
    const random = this.#random;
    const world = this.#world;
    for (const process of [...this.#processes]) {
      if (process.clock.isSuspended) {
        if (random.chance(0.03)) {
          world.trace(`resume ${process.id}`);
          process.clock.resume();
        } else if (random.chance(0.004)) this.#kill(process);
      } else if (random.chance(world.amount("crash") * 0.03)) this.#kill(process);
      else if (random.chance(world.amount("stop") * 0.02) && !process.isStopping) {
        world.trace(`stop ${process.id}`);
        process.stop();
      } else if (random.chance(world.amount("zombie") * 0.02)) {
        world.trace(`suspend ${process.id}`);
        process.clock.suspend();
      }
    }
    const awake = this.#processes.filter(({ clock }) => !clock.isSuspended).length;
    // Two that start for the very first time may choose two beginnings; there is no right one.
    const isBegun = world.input.committed[0]! >= 0;
    const isRace = isBegun && random.chance(world.amount("race") * 0.02);
    if ((awake === 0 && random.chance(0.2)) || (isRace && this.#processes.length < 3)) {
      if (this.#schedule.mayStart() && this.#processes.length < 4) this.#start();
    }
  }

  #start(): void {
    const world = this.#world;
    const random = this.#random;
    this.#schedule.beforeStart();
    if (random.chance(world.amount("ruleChange") * 0.5)) {
      this.#rules = drawRules(random, this.#scenario.isOrderFree);
    }
    const used = new Set(this.#processes.map(({ disk }) => disk));
    const free = this.#disks.filter((disk) => !used.has(disk));
    const process = new EngineProcess({
      id: ++this.#processNumber,
      world,
      rules: this.#rules,
      random: this.#network.fork(),
      disk: free.length > 0 ? random.pick(free) : new MemoryCheckpointDisk(),
      onCommit: (offsets) => {
        const fault = (what: string) => this.#faults.push(`group offsets: ${what}`);
        this.#checker.coverage.checkCommit(offsets, fault);
      },
    });
    world.trace(`start ${process.id} ${JSON.stringify(this.#rules)}`);
    this.#processes.push(process);
    process.onStarted = () => {
      if (process.owned().length < this.#scenario.outputPartitions) return;
      this.#restoresCompared++;
      const left = this.#left;
      const hashes = left?.batches === this.#checker.batches ? left.hashes : null;
      checkRestored(process, this.#checker, hashes, this.#fault);
    };
    process.start();
  }

  readonly #fault = (what: string): void => {
    this.#faults.push(what);
  };

  #kill(process: EngineProcess): void {
    this.#world.trace(`kill ${process.id}`);
    this.#crashes++;
    this.#leave(process);
    process.kill();
    this.#sweep();
  }

  #leave(process: EngineProcess): void {
    const hashes = this.#processes.length === 1 ? hashesAtRest(process) : null;
    this.#left = hashes === null ? null : { hashes, batches: this.#checker.batches };
  }

  /** Looks at processes that have ended by themselves. */
  #sweep(): void {
    this.#processes = this.#processes.filter((process) => {
      if (process.clock.isKilled) return false;
      if (process.isStopped) {
        this.#stops++;
        return false;
      }
      if (process.failure === undefined) return true;
      this.#checkFailure(process);
      process.kill();
      return false;
    });
  }

  /** A process may give up when it was fenced, and when the input has grown. */
  #checkFailure({ id, failure }: EngineProcess): void {
    const { code, name } = failure as { code?: string; name?: string };
    if (code === "partitions_added") return;
    if (code !== "fenced") return this.#fault(`process ${id}: ${(failure as Error).stack}`);
    this.#fenced++;
    // One that could not even take a shard ends although it has others.
    const claimsMax = name === "EngineError" ? 1 : this.#scenario.outputPartitions;
    if (this.#world.claims.filter((owner) => owner === id).length < claimsMax) return;
    this.#fault(`process ${id} says that it is fenced, and nobody came after it`);
  }

  /** Moves time from wake to wake; between two, promises settle. */
  async #advance(ms: number): Promise<void> {
    const { clock } = this.#world;
    const targetMs = clock.monotonicMs() + ms;
    const wakesMax = this.#processes.reduce((sum, process) => sum + process.clock.wakes, 0) +
      WAKES_MAX + ms * WAKES_PER_MS_MAX;
    while (true) {
      const nextMs = clock.nextWakeMs();
      if (nextMs === null || nextMs > targetMs) break;
      clock.advance(Math.max(0, nextMs - clock.monotonicMs()));
      await settle();
      if (this.#isFaulty()) return;
    }
    clock.advance(Math.max(0, targetMs - clock.monotonicMs()));
    await settle();
    const wakes = this.#processes.reduce((sum, process) => sum + process.clock.wakes, 0);
    if (wakes > wakesMax) this.#fault(`a process spins: ${wakes - wakesMax} wakes too many`);
    this.#sweep();
  }

  /** Faults stop: every session that was started has to end, each exactly once. */
  async #comeToRest(): Promise<void> {
    this.#world.trace("faults are over");
    const waitMs = this.#schedule.calm();
    for (const process of this.#processes) process.clock.resume();
    // A process that was stopping, or took shards away from others and then died.
    for (let round = 0; round < 5 && !this.#isFaulty(); round++) {
      if (!this.#everyShardIsOwned()) this.#start();
      await this.#advance(waitMs + 8_000);
      await this.#probeShards();
      if (this.#everyShardIsOwned()) break;
    }
    if (this.#isFaulty()) return;
    this.#punctuality.look(this.#processes, this.#fault);
    for (const process of this.#processes) {
      if (process.owned().length === 0) this.#fault(`process ${process.id} lives on, fenced`);
    }
    if (!this.#everyShardIsOwned()) return this.#fault("shards stay without an owner");
    if (this.#scenario.isOrderFree) {
      checkOrderFree(this.#world, this.#checker, this.#processes, this.#rules, this.#fault);
      this.#events.endAll(this.#checker.shards.flatMap((shard) => [...shard.active.values()]));
      await this.#advance(6_000);
    } else await this.#advance(this.#longestMs() + 1_000);
    if (this.#isFaulty()) return;
    checkAtRest(this.#world, this.#checker, this.#processes, this.#fault);
    await this.#restartInOrder();
  }

  /** Lets everybody who believes to own a shard find out whether that is so. */
  async #probeShards(): Promise<void> {
    const isLimited = this.#scenario.faults.sessionLimit > 0;
    for (const shard of this.#world.owners.keys()) {
      this.#events.startOnShard(shard);
      // Where few sessions are allowed the next one would be refused, and that tells nobody.
      if (isLimited) await this.#advance(this.#longestMs() + 1_000);
    }
    await this.#advance(6_000);
  }

  #everyShardIsOwned(): boolean {
    const owned = new Set(
      this.#processes.filter(({ isStopping }) => !isStopping).flatMap((process) => process.kept()),
    );
    return owned.size === this.#scenario.outputPartitions;
  }

  /** How long a session may go on, and an end be remembered, by any rules of this run. */
  #longestMs(): number {
    return 6000 + 4000;
  }

  /** A stop and a start in order leave the state as it was, and write nothing. */
  async #restartInOrder(): Promise<void> {
    if (this.#processes.length !== 1) return;
    const process = this.#processes[0]!;
    this.#leave(process);
    process.stop();
    for (let i = 0; i < 50 && !process.isStopped; i++) await this.#advance(200);
    if (!process.isStopped) this.#fault("the engine does not stop");
    if (this.#isFaulty()) return;
    const { records } = this.#checker;
    this.#start();
    await this.#advance(2000);
    if (this.#checker.records !== records) this.#fault("records came after all was at rest");
    if (Number.isNaN(this.#processes[0]?.runningSinceMs)) this.#fault("it does not start again");
    for (const last of this.#processes) last.kill();
  }
}

/** Lets every promise that can settle do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const WAKES_MAX = 3000;
const WAKES_PER_MS_MAX = 20;
