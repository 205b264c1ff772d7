import { ManualClock } from "../../lib/adapters/memory/manual_clock.ts";
import { MemoryTopic } from "../../lib/adapters/memory/memory_topic.ts";
import type { SessionRules } from "../../lib/core/session_rules.ts";
import type { Random } from "../support/random.ts";
import type { FaultKind, Scenario } from "./scenario.ts";
import { InputBeginnings } from "./input_beginnings.ts";
import { SimulatedInput } from "./simulated_input.ts";
import type { ProcessClock } from "./simulated_process.ts";

export const START_MS = Date.UTC(2025, 10, 1);

/** Who took a shard, with which rules, and where the fence lies in the log. */
export interface Ownership {
  readonly processId: number;
  readonly rules: SessionRules;
  readonly epoch: number;
}

/**
 * What lies outside of every process and outlives it: the brokers with the topics, the network, the
 * clock; and which faults are on right now.
 */
export class SimulatedWorld {
  readonly scenario: Scenario;
  readonly clock = new ManualClock(START_MS);
  readonly input = new SimulatedInput();
  readonly beginnings = new InputBeginnings();
  readonly output: MemoryTopic;
  /** Dead letters that were acknowledged: `topic/partition@offset`. */
  readonly letters = new Set<string>();
  /** Output partitions without a leader. */
  readonly leaderless = new Set<number>();
  /** When each output partition has a leader again, or had one again; monotonic. */
  readonly ledAgainAtMs: number[];
  /** The last fence of each shard. */
  readonly owners: (Ownership | null)[];
  readonly checkpoints = { written: 0, read: 0 };
  /** Who got the last epoch of each shard, whether its fence is in the log or not. */
  readonly claims: (number | null)[];
  /** The shortest grace that any process had: what is older may be forgotten by some. */
  graceMsMin = Infinity;
  /** Faults are over. */
  isCalm = false;
  /** How often a process was killed at a named point, by its name. */
  readonly killedAt = new Map<string, number>();
  readonly isTraced: boolean;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #points: Random;

  constructor(scenario: Scenario, random: Random, trace: ((line: string) => void) | undefined) {
    this.scenario = scenario;
    this.#trace = trace;
    this.isTraced = trace !== undefined;
    this.#points = random;
    for (const [i, partitions] of scenario.inputPartitions.entries()) {
      for (let p = 0; p < partitions; p++) this.input.addPartition(this.topicName(i));
    }
    this.output = new MemoryTopic({
      name: "sessions",
      partitions: scenario.outputPartitions,
      batchBytesMax: scenario.batchBytesMax,
      retainedBytesMax: 2 ** 40,
    });
    this.ledAgainAtMs = this.output.partitions.map(() => 0);
    this.owners = this.output.partitions.map(() => null);
    this.claims = this.output.partitions.map(() => null);
  }

  topicName(index: number): string {
    if (this.scenario.inputLayout === "plain") return "events";
    return ["pc_sessions", "console_sessions"][index]!;
  }

  /** The right time, which the brokers and the devices have; the process's wall clock may not. */
  trueMs(): number {
    return START_MS + Math.floor(this.clock.monotonicMs());
  }

  trace(line: string): void {
    this.#trace?.(line);
  }

  /**
   * Where an input partition begins for a shard: what lies before was never asked for.
   *
   * @param shard null = for what belongs to no shard, of which all from the earliest on is read.
   */
  firstOffset(partition: number, shard: number | null): number {
    const isGrown = partition >= this.scenario.inputPartitions.reduce((a, b) => a + b);
    // All of a partition that is added to a topic that is read is new.
    if (this.scenario.start === "earliest" || isGrown) return 0;
    if (shard !== null) return this.beginnings.of(shard)?.[partition] ?? Infinity;
    return Math.min(...this.owners.map((_, of) => this.firstOffset(partition, of)));
  }

  /** How much of this fault there is right now, 0 to 1. */
  amount(kind: FaultKind): number {
    return this.isCalm ? 0 : this.scenario.faults[kind];
  }

  /**
   * A place at which a process may die.
   * @returns whether it lives on.
   */
  passes(process: ProcessClock, point: string): boolean {
    if (process.isKilled) return false;
    if (!this.#points.chance(this.amount("crashAtPoint") * 0.02)) return true;
    this.killedAt.set(point, (this.killedAt.get(point) ?? 0) + 1);
    this.trace(`killed ${point}`);
    process.kill();
    return false;
  }
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}
