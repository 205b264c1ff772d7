import type { DeadLetter, DeadLetterSink } from "../../lib/ports/dead_letters.ts";
import type { Random } from "../support/random.ts";
import type { ProcessClock } from "./simulated_process.ts";
import { never, type SimulatedWorld } from "./simulated_world.ts";

/** Dead letters that take their time: a process may die before, or after, the broker has them. */
export class SimulatedDeadLetters implements DeadLetterSink {
  readonly #world: SimulatedWorld;
  readonly #process: ProcessClock;
  readonly #random: Random;

  constructor(options: { world: SimulatedWorld; process: ProcessClock; random: Random }) {
    this.#world = options.world;
    this.#process = options.process;
    this.#random = options.random;
  }

  async send(letters: readonly DeadLetter[]): Promise<number> {
    const keys = letters.map(({ topic, partition, offset }) => `${topic}/${partition}@${offset}`);
    if (!this.#world.passes(this.#process, "before dead letters")) return never();
    await this.#delay();
    for (const key of keys) this.#world.letters.add(key);
    if (!this.#world.passes(this.#process, "after dead letters")) return never();
    await this.#delay();
    return letters.length;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #delay(): Promise<void> {
    const isSlow = this.#random.chance(this.#world.amount("slowDeadLetters") * 0.7);
    const ms = isSlow ? this.#random.int(20, 3000) : this.#random.int(1, 10);
    await new Promise<void>((resolve) => this.#process.wakeAfter(ms, resolve));
  }
}
