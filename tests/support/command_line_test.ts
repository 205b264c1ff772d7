import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseChaosOptions } from "../chaos/chaos_options.ts";
import { replayCommand } from "../sim/seed_report.ts";
import { parseSimOptions } from "../sim/sim_options.ts";
import { parseFlags, positiveNumber, runProgram, UsageError, wholeNumber } from "./command_line.ts";

Deno.test("wholeNumber() takes digits, grouped or not, and names what it does not take", () => {
  assertEquals(wholeNumber("sessions", "4_000_000", 1, 5_000_000), 4_000_000);
  assertEquals([wholeNumber("n", "0", 0, 9), wholeNumber("n", "9", 0, 9)], [0, 9]);
  for (const text of ["", " ", "-1", "10", "1.5", "1e0", "0x1", "x", "_"]) {
    const error = assertThrows(() => wholeNumber("n", text, 0, 9), UsageError);
    assertEquals(error.message, `--n is ${text}, not a whole number from 0 to 9`);
  }
});

Deno.test("positiveNumber() takes fractions, and nothing below them", () => {
  assertEquals(positiveNumber("minutes", "0.5"), 0.5);
  for (const text of ["0", "-1", "", "x", "Infinity"]) {
    assertThrows(() => positiveNumber("minutes", text), UsageError, "--minutes is");
  }
});

Deno.test("parseFlags() refuses a flag that there is not, one without its value, and other words", () => {
  const flags = { "seed": { type: "string" } } as const;
  assertEquals(parseFlags(["--seed", "7"], flags).seed, "7");
  for (const args of [["--sed", "7"], ["--seed"], ["7"]]) {
    assertThrows(() => parseFlags(args, flags), UsageError);
  }
});

Deno.test("runProgram() runs with good arguments only, and hides no bug behind them", async () => {
  const ran: number[] = [];
  const program = {
    usage: "usage",
    parse: ([text]: readonly string[]) => wholeNumber("n", text!, 0, 9),
    run: (n: number) => Promise.resolve(ran.push(n)),
  };
  assertEquals(await runProgram(program, ["--help"]), 0);
  assertEquals(await runProgram(program, ["x"]), 64);
  assertEquals(ran, []);
  assertEquals(await runProgram(program, ["5"]), 1);
  assertEquals(ran, [5]);
  const broken = { ...program, parse: () => [][0]!["n"] };
  await assertRejects(() => runProgram(broken, []), TypeError);
});

Deno.test("parseSimOptions() takes one seed, or a range of them", () => {
  const { first, last, isRange, limits, canary, workers, trace } = parseSimOptions([]);
  assertEquals([first, last, isRange, workers, trace, canary], [1, 1, false, 1, false, null]);
  assertEquals(limits, {});
  const range = parseSimOptions(["--seeds", "5..10", "--workers", "2", "--canary", "noFence"]);
  assertEquals([range.first, range.last, range.isRange], [5, 10, true]);
  assertEquals([range.workers, range.canary], [2, "noFence"]);
});

Deno.test("parseSimOptions() reads the command that repeats a failure", () => {
  const limits = { steps: 40, devices: 2, without: ["crash", "zombie"] as const };
  const words = replayCommand(9, limits, "noFence").split(" ");
  const options = parseSimOptions(words.slice(3));
  assertEquals([options.first, options.limits, options.canary], [9, limits, "noFence"]);
});

Deno.test("parseSimOptions() and parseChaosOptions() say what is wrong", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["--seed x", "--seed is x, not a whole number from 0 to 4294967295"],
    ["--seed 1 --seeds 1..2", "--seed and --seeds are runs of their own"],
    ["--seeds 5", "--seeds is 5, not FIRST..LAST"],
    ["--seeds 5..4", "--seeds is 4, not a whole number from 5"],
    ["--seeds 1..2..3", "--seeds is 1..2..3, not FIRST..LAST"],
    ["--seeds 1..2 --trace", "--trace is of one seed"],
    ["--without crash,x", "--without has x, which is none of"],
    ["--canary x", "--canary is x, not one of "],
    ["--workers 0", "--workers is 0, not a whole number from 1"],
    ["--x", "--x"],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => parseSimOptions(args.split(" ")), UsageError, message);
  }
  assertThrows(() => parseChaosOptions(["--kills", "x"], 1), UsageError, "--kills is x");
});
