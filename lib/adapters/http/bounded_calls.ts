import type { Clock } from "../../ports/clock.ts";

/**
 * Calls of something slow: at most so many at a time, and none waited for longer than a timeout.
 *
 * A call that timed out keeps its place until it settles, since it still costs the other side.
 */
export class BoundedCalls {
  readonly #clock: Clock;
  readonly #callsMax: number;
  readonly #timeoutMs: number;
  #open = 0;

  constructor(options: { clock: Clock; callsMax: number; timeoutMs: number }) {
    this.#clock = options.clock;
    this.#callsMax = options.callsMax;
    this.#timeoutMs = options.timeoutMs;
  }

  /** @throws CallRefusedError `busy`: nothing was called; `timeout`: the answer is thrown away. */
  run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#open >= this.#callsMax) {
      const message = `${this.#open} calls are open, at most ${this.#callsMax} may be`;
      return Promise.reject(new CallRefusedError(message, "busy"));
    }
    return withTimeout(this.#call(call), this.#timeoutMs, this.#clock);
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    this.#open++;
    try {
      return await call();
    } finally {
      this.#open--;
    }
  }
}

export class CallRefusedError extends Error {
  override readonly name = "CallRefusedError";
  readonly code: "busy" | "timeout";

  constructor(message: string, code: CallRefusedError["code"]) {
    super(message);
    this.code = code;
  }
}

/** @throws CallRefusedError `timeout`; what comes of `answer` later is thrown away. */
export function withTimeout<T>(answer: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.wakeAfter(timeoutMs, () => {
      reject(new CallRefusedError(`no answer within ${timeoutMs} ms`, "timeout"));
    });
    answer.then(resolve, reject).finally(cancel);
  });
}
