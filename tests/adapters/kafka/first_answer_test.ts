import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { firstAnswer } from "../../../lib/adapters/kafka/first_answer.ts";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";

Deno.test("firstAnswer() asks nobody else while the first answers in time", async () => {
  const race = new Race(["a", "b"]);
  await race.advance(2999);
  race.answer("a");
  await race.advance(60_000);
  assertEquals([race.asked, race.outcome], [["a"], "answer of a"]);
});

Deno.test("firstAnswer() asks the next one after a while, and takes whoever is first", async () => {
  const race = new Race(["a", "b", "c"]);
  await race.advance(3000);
  assertEquals([race.asked, race.silent], [["a", "b"], ["a"]]);
  race.answer("a");
  await race.advance(0);
  assertEquals(race.outcome, "answer of a");
  race.answer("b");
  await race.advance(60_000);
  assertEquals([race.asked, race.outcome], [["a", "b"], "answer of a"]);
});

Deno.test("firstAnswer() asks the next one at once where one fails", async () => {
  const race = new Race(["a", "b", "c"]);
  race.fail("a");
  await race.advance(0);
  assertEquals(race.asked, ["a", "b"]);
  await race.advance(3000);
  assertEquals(race.asked, ["a", "b", "c"]);
  race.fail("b");
  await race.advance(60_000);
  assertEquals(race.outcome, "open");
  race.answer("c");
  await race.advance(0);
  assertEquals([race.outcome, race.silent], ["answer of c", ["b", "c"]]);
});

Deno.test("firstAnswer() fails once all have, with what was heard last", async () => {
  const race = new Race(["a", "b"]);
  await race.advance(6000);
  race.fail("b");
  await race.advance(0);
  assertEquals(race.outcome, "open");
  race.fail("a");
  await race.advance(0);
  assertEquals(race.outcome, "failure of a");
});

Deno.test("firstAnswer() fails where there is nobody to ask", async () => {
  const race = new Race([]);
  await race.advance(0);
  assertEquals(race.outcome, "null");
});

/** Candidates that the test answers for, and what became of the call. */
class Race {
  readonly asked: string[] = [];
  readonly silent: string[] = [];
  outcome = "open";
  readonly #clock = new ManualClock(0);
  readonly #open = new Map<string, PromiseWithResolvers<string>>();

  constructor(candidates: readonly string[]) {
    firstAnswer({
      candidates: candidates.values(),
      ask: (candidate) => {
        this.asked.push(candidate);
        const answer = Promise.withResolvers<string>();
        this.#open.set(candidate, answer);
        return answer.promise;
      },
      patienceMs: 3000,
      onSilent: (candidate) => this.silent.push(candidate),
      clock: this.#clock,
    }).then(
      (answer) => this.outcome = answer,
      (error) => this.outcome = error === null ? "null" : (error as Error).message,
    );
  }

  answer(candidate: string): void {
    this.#open.get(candidate)!.resolve(`answer of ${candidate}`);
  }

  fail(candidate: string): void {
    this.#open.get(candidate)!.reject(new Error(`failure of ${candidate}`));
  }

  /** Moves time on; promises settle before and after. */
  async advance(ms: number): Promise<void> {
    await settled();
    this.#clock.advance(ms);
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
