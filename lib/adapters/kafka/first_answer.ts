import type { Clock } from "../../ports/clock.ts";

export interface FirstAnswerOptions<C, T> {
  /** Whom to ask, best first. Looked at only as far as it takes. */
  readonly candidates: Iterator<C>;
  readonly ask: (candidate: C) => Promise<T>;
  /** How long one is waited for alone. */
  readonly patienceMs: number;
  /** One that was not heard of in that time; it may still answer. */
  readonly onSilent: (candidate: C) => void;
  readonly clock: Clock;
}

/**
 * The answer of whoever answers first. The next one is asked when one fails, or is silent for a
 * while: a host that vanished says nothing for as long as a request may take, and whoever comes after
 * it in the list knows what we want to know. What is asked already is not taken back.
 *
 * @throws what the last of them failed with, when all have; `null` when there is nobody to ask
 */
export function firstAnswer<C, T>(options: FirstAnswerOptions<C, T>): Promise<T> {
  const { candidates, ask, patienceMs, onSilent, clock } = options;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const waits = new Set<() => void>();
  let last: unknown = null;
  let isOver = false;
  let unanswered = 0;
  const end = (): void => {
    isOver = true;
    for (const cancel of waits) cancel();
  };
  const askNext = (): void => {
    const { done, value } = candidates.next();
    if (done) {
      if (unanswered > 0) return;
      end();
      reject(last);
      return;
    }
    unanswered++;
    const cancel = clock.wakeAfter(patienceMs, () => {
      onSilent(value);
      askNext();
    });
    waits.add(cancel);
    ask(value).then((answer) => {
      end();
      resolve(answer);
    }, (error) => {
      cancel();
      waits.delete(cancel);
      unanswered--;
      last = error;
      if (!isOver) askNext();
    });
  };
  askNext();
  return promise;
}
