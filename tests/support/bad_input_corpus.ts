/**
 * What arrives on a topic besides good events, with what becomes of each by section 1 of the
 * contract: layout `plain`, at most 1 MiB an event. Cases at the edge that are accepted are among
 * them, so that a decoder that refuses everything does not pass.
 */
import { type BadInput, end, GOOD, input, nested, start } from "./bad_input.ts";
import { MALFORMED_INPUTS } from "./malformed_inputs.ts";
import { WRONG_FIELD_INPUTS } from "./wrong_field_inputs.ts";

/** The largest event that the corpus holds to be allowed. */
export const CORPUS_EVENT_BYTES_MAX = 1 << 20;

const SIZES_AND_NESTING: readonly BadInput[] = [
  input("exactly 1 MiB", "start", GOOD + " ".repeat(CORPUS_EVENT_BYTES_MAX - GOOD.length)),
  input(
    "a byte more than 1 MiB",
    "too_large",
    GOOD + " ".repeat(CORPUS_EVENT_BYTES_MAX + 1 - GOOD.length),
  ),
  input(
    "more than 1 MiB of what is not JSON",
    "too_large",
    new Uint8Array(CORPUS_EVENT_BYTES_MAX + 1),
  ),
  input("1 MiB of zeros", "not_json", new Uint8Array(CORPUS_EVENT_BYTES_MAX)),
  input("1 MiB of spaces", "not_json", " ".repeat(CORPUS_EVENT_BYTES_MAX)),
  input("1 MiB of quotes", "not_json", '"'.repeat(CORPUS_EVENT_BYTES_MAX)),
  input("1 MiB of opening brackets", "not_json", "[".repeat(CORPUS_EVENT_BYTES_MAX)),
  input("1 MiB of opening objects", "not_json", '{"a":'.repeat(200_000)),
  input(
    "1 MiB of opening brackets inside an event",
    "not_json",
    '{"type":"start","x":' + "[".repeat(1_000_000),
  ),
  start("64 levels", "start", { x: nested(63) }),
  start("65 levels", "bad_field", { x: nested(64) }),
  start("64 levels of objects", "start", { x: '{"a":'.repeat(62) + "{}" + "}".repeat(62) }),
  start("65 levels of objects", "bad_field", { x: '{"a":'.repeat(63) + "{}" + "}".repeat(63) }),
  start("10,000 levels", "bad_field", { x: nested(10_000) }),
  start("500,000 levels", "bad_field", { x: nested(500_000) }),
  start("100,000 levels of objects", "bad_field", {
    x: '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000),
  }),
  start("1,000 levels that do not match", "not_json", { x: "[{".repeat(500) + "]}".repeat(500) }),
  start("65 levels in a value that a later one replaces", "bad_field", {
    x: `${nested(64)},"x":1`,
  }),
  start("65 levels and a device too long", "too_large", {
    deviceId: `"${"d".repeat(257)}"`,
    x: nested(64),
  }),
  start("65 levels where the account should be", "bad_field", { accountId: nested(64) }),
  start("many brackets side by side", "start", { x: `[${"[],".repeat(10_000)}[]]` }),
  start("brackets inside a string", "start", { x: `"${"[{".repeat(1_000)}"` }),
  start("100,000 keys", "start", {
    x: "1" + Array.from({ length: 50_000 }, (_, i) => `,"k${i}":${i}`).join(""),
  }),
  start("the type 50,000 times", "start", { x: "1" + ',"type":"start"'.repeat(50_000) }),
  start("a key of 500,000 bytes", "start", { ["k".repeat(500_000)]: "1" }),
  input("a key of 100,000 escapes", "start", `{"${"\\u0074".repeat(100_000)}":1,` + GOOD.slice(1)),
  start("a number of 500,000 digits", "start", { x: "1".repeat(500_000) }),
  end("a duration of 500,000 digits", "bad_field", { durationSeconds: "1".repeat(500_000) }),
  start("whitespace of every kind everywhere", "start", { x: ' \t\r\n[ \n1 , { "a" : 2 } ]\t ' }),
];

export const BAD_INPUTS: readonly BadInput[] = [
  ...MALFORMED_INPUTS,
  ...WRONG_FIELD_INPUTS,
  ...SIZES_AND_NESTING,
];
