/**
 * Who starts and who ends when: everything a function of the configuration, so that the generator
 * and the analyser agree on each instant without a word between them.
 *
 * Sessions are numbered. The first `sessions` of them start evenly over `preloadMs`, 1 ms apart at
 * best, so that their heartbeats are spread over the phase. From then on starts and ends take
 * turns on instants `TICK_MS` apart: start number s is session `sessions + s`, and end number e
 * closes a session that is there, so that the number of active ones stays what it is.
 *
 * Ends take the preloaded sessions first, in an order that scatters them (an affine permutation),
 * then those that started during the run, scattered over blocks of an eighth: at the reference
 * rate a session of the run lives 14 to 18 minutes, and none reaches the 30 of its timeout.
 */
export class LoadSchedule {
  readonly config: ScheduleConfig;
  /** Epoch milliseconds, whole: the first start of the preload. */
  readonly fromMs: number;
  /** The first instant of the steady load. */
  readonly steadyFromMs: number;
  readonly #preloaded: Permutation;
  readonly #block: Permutation;

  constructor(config: ScheduleConfig, fromMs: number) {
    this.config = config;
    this.fromMs = fromMs;
    this.steadyFromMs = fromMs + config.preloadMs;
    this.#preloaded = new Permutation(config.sessions, config.seed);
    this.#block = new Permutation(Math.max(1, config.sessions >> 3), config.seed + 1);
  }

  /** How many sessions of the preload have started at or before the instant. */
  preloadedBy(ms: number): number {
    const { sessions, preloadMs } = this.config;
    if (ms < this.fromMs) return 0;
    if (ms >= this.steadyFromMs) return sessions;
    // The largest n with floor(n · preloadMs / sessions) at most this, plus one.
    return Math.min(sessions, Math.ceil(((ms - this.fromMs + 1) * sessions) / preloadMs));
  }

  /** How many events of the steady load, starts and ends in turn, are due by the instant. */
  eventsBy(ms: number): number {
    const tick = Math.floor((ms - this.steadyFromMs) / TICK_MS);
    if (tick < 1) return 0;
    return Math.floor((tick * TICK_MS * this.config.eventsPerMinute) / 60_000);
  }

  startsBy(ms: number): number {
    return Math.ceil(this.eventsBy(ms) / 2);
  }

  endsBy(ms: number): number {
    return Math.floor(this.eventsBy(ms) / 2);
  }

  /** When session `n` starts. */
  startMs(n: number): number {
    const { sessions, preloadMs } = this.config;
    if (n < sessions) return this.fromMs + Math.floor((n * preloadMs) / sessions);
    return this.#eventMs((n - sessions) * 2);
  }

  /** When session `n` ends. */
  endMs(n: number): number {
    return this.#eventMs(this.endOf(n) * 2 + 1);
  }

  /** The session that end number `e` closes. */
  endedSession(e: number): number {
    const { sessions } = this.config;
    if (e < sessions) return this.#preloaded.at(e);
    const block = this.#block.size;
    const within = (e - sessions) % block;
    return e - within + this.#block.at(within);
  }

  /** The number of the end that closes session `n`. */
  endOf(n: number): number {
    const { sessions } = this.config;
    if (n < sessions) return this.#preloaded.indexOf(n);
    const block = this.#block.size;
    const within = (n - sessions) % block;
    return n - within + this.#block.indexOf(within);
  }

  #eventMs(event: number): number {
    // The first tick by which `event + 1` events are due, from an estimate that may be one off.
    const perTick = (this.config.eventsPerMinute * TICK_MS) / 60_000;
    let tick = Math.max(1, Math.floor((event + 1) / perTick) - 1);
    while (this.eventsBy(this.steadyFromMs + tick * TICK_MS) <= event) tick++;
    return this.steadyFromMs + tick * TICK_MS;
  }
}

export interface ScheduleConfig {
  readonly seed: number;
  /** Active sessions. */
  readonly sessions: number;
  /** Starts and ends together. */
  readonly eventsPerMinute: number;
  /** The preload takes this long: one heartbeat interval spreads the phases evenly. */
  readonly preloadMs: number;
}

/**
 * Starts and ends are sent on instants this far apart: a thousand small requests a second would
 * cost a broker two thirds of a core, and the run would measure that.
 */
export const TICK_MS = 5;

/** i → (a·i + b) mod size, a near the golden section of it: neighbours end up far apart. */
class Permutation {
  readonly size: number;
  readonly #factor: number;
  readonly #inverse: number;
  readonly #shift: number;

  /** @param size At most 2^26, so that products stay whole. */
  constructor(size: number, seed: number) {
    this.size = size;
    let factor = Math.max(1, Math.floor(size * 0.6180339887));
    while (greatestCommonDivisor(factor, size) !== 1) factor++;
    this.#factor = factor % size || 1;
    this.#inverse = inverseModulo(this.#factor, size);
    this.#shift = (seed >>> 0) % size;
  }

  at(i: number): number {
    return (this.#factor * i + this.#shift) % this.size;
  }

  indexOf(value: number): number {
    return (this.#inverse * ((value - this.#shift + this.size) % this.size)) % this.size;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function inverseModulo(a: number, modulus: number): number {
  let [r0, r1, s0, s1] = [modulus, a % modulus, 0, 1];
  while (r1 > 0) {
    const quotient = Math.floor(r0 / r1);
    [r0, r1] = [r1, r0 - quotient * r1];
    [s0, s1] = [s1, s0 - quotient * s1];
  }
  return ((s0 % modulus) + modulus) % modulus;
}
