import { assertEquals, assertThrows } from "@std/assert";
import { parseFlags } from "../../lib/cli/flag_parser.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";

const SPECS = {
  strict: { kind: "switch", meaning: "…", letter: "s" },
  output: { kind: "text", value: "FILE", meaning: "…" },
  set: { kind: "texts", value: "KEY=VALUE", meaning: "…" },
  partitions: { kind: "integer", value: "N", min: 1, max: 100, default: 16, meaning: "…" },
  offset: { kind: "integer", value: "N", min: -5, max: 5, meaning: "…" },
  speed: { kind: "number", value: "X", min: 0.5, max: 10, default: 1, meaning: "…" },
  timeout: { kind: "duration", minMs: 100, maxMs: 60_000, defaultMs: 3000, meaning: "…" },
  jump: { kind: "duration", minMs: 100, maxMs: 60_000, meaning: "…" },
  until: { kind: "instant", meaning: "…" },
  layout: { kind: "choice", words: ["plain", "rtm-gaming"], meaning: "…" },
  start: { kind: "choice", words: ["earliest", "latest"], default: "latest", meaning: "…" },
} as const;

const ABSENT = {
  strict: false,
  output: null,
  set: [],
  partitions: 16,
  offset: null,
  speed: 1,
  timeout: 3000,
  jump: null,
  until: null,
  layout: null,
  start: "latest",
} as const;

interface Case {
  readonly args: readonly string[];
  readonly flags?: Partial<Record<keyof typeof SPECS, unknown>>;
  readonly operands?: readonly string[];
}

const READ: readonly Case[] = [
  { args: [] },
  { args: ["a", "b"], operands: ["a", "b"] },
  { args: ["--output", "x"], flags: { output: "x" } },
  { args: ["--output=x"], flags: { output: "x" } },
  { args: ["--output=a=b"], flags: { output: "a=b" } },
  { args: ["--output", "-"], flags: { output: "-" } },
  { args: ["-"], operands: ["-"] },
  { args: ["--strict", "a"], flags: { strict: true }, operands: ["a"] },
  { args: ["-s", "-s"], flags: { strict: true } },
  { args: ["a", "--strict"], flags: { strict: true }, operands: ["a"] },
  { args: ["--", "--strict", "--"], operands: ["--strict", "--"] },
  { args: ["--set", "a=1", "--set=b=2"], flags: { set: ["a=1", "b=2"] } },
  { args: ["--partitions", "100"], flags: { partitions: 100 } },
  { args: ["--offset", "-5"], flags: { offset: -5 } },
  { args: ["--speed", "0.5"], flags: { speed: 0.5 } },
  { args: ["--timeout", "5s"], flags: { timeout: 5000 } },
  { args: ["--until", "1970-01-01T01:00:01+01:00"], flags: { until: 1000 } },
  { args: ["--layout", "rtm-gaming"], flags: { layout: "rtm-gaming" } },
  { args: ["--start=earliest"], flags: { start: "earliest" } },
];

for (const { args, flags, operands } of READ) {
  Deno.test(`parseFlags() reads ${JSON.stringify(args)}`, () => {
    assertEquals(parseFlags(SPECS, args), {
      flags: { ...ABSENT, ...flags },
      operands: operands ?? [],
    });
  });
}

const REFUSED:
  readonly (readonly [args: readonly string[], message: string, hint: string | null])[] = [
    [["--outptu", "x"], "Unknown flag --outptu", "did you mean --output?"],
    [["--zzz"], "Unknown flag --zzz", null],
    [["--__proto__"], "Unknown flag --__proto__", null],
    [["-x"], "Unknown flag -x", null],
    [["-strict"], "Unknown flag -strict", "did you mean --strict?"],
    [["--output"], "--output needs a value", "write --output FILE"],
    [["--output", "--strict"], "--output needs a value", "write --output FILE"],
    [["--output", "--"], "--output needs a value", "write --output FILE"],
    [["--output="], "--output is empty", "write --output FILE"],
    [["--strict=yes"], "--strict takes no value", "write --strict alone"],
    [["--output=a", "--output=b"], "--output is given twice", "leave one of them out"],
    [["--partitions=0"], '--partitions is "0", expected a whole number from 1 to 100', null],
    [["--partitions=101"], '--partitions is "101", expected a whole number from 1 to 100', null],
    [["--partitions=1.5"], '--partitions is "1.5", expected a whole number from 1 to 100', null],
    [["--partitions="], '--partitions is "", expected a whole number from 1 to 100', null],
    [["--speed=1e1"], '--speed is "1e1", expected a number from 0.5 to 10', null],
    [["--speed=Infinity"], '--speed is "Infinity", expected a number from 0.5 to 10', null],
    [
      ["--timeout=5"],
      '--timeout is "5", expected a duration from 100ms to 1m, like 500ms, 30s, 5m or 1h',
      null,
    ],
    [
      ["--timeout=2m"],
      '--timeout is "2m", expected a duration from 100ms to 1m, like 500ms, 30s, 5m or 1h',
      null,
    ],
    [
      ["--until=tomorrow"],
      '--until is "tomorrow", expected an instant like 2025-11-01T01:00:00Z',
      null,
    ],
    [["--layout=Plain"], '--layout is "Plain", expected one of plain, rtm-gaming', null],
  ];

for (const [args, message, hint] of REFUSED) {
  Deno.test(`parseFlags() refuses ${JSON.stringify(args)}`, () => {
    const error = assertThrows(() => parseFlags(SPECS, args), UsageError);
    assertEquals([error.message, error.hint], [message, hint]);
  });
}
