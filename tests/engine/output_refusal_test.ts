import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fittingBatchBytes, tellRefusal } from "../../lib/engine/output_refusal.ts";
import type { RefusalCause } from "../../lib/ports/output_log.ts";
import { EngineParts } from "../support/engine/engine_parts.ts";

Deno.test("fittingBatchBytes() is the limit of the topic, where that is what refused the batch", () => {
  assertEquals(fittingBatchBytes(900_000, 100_000, 100), 100_000);
  assertEquals(fittingBatchBytes(70_000, 65_536, 100), 65_536);
});

Deno.test("fittingBatchBytes() is half of what was refused, where the limit is not known or was another", () => {
  assertEquals(fittingBatchBytes(900_000, null, 100), 450_000);
  assertEquals(fittingBatchBytes(900_000, 1_000_000, 100), 450_000);
  assertEquals(fittingBatchBytes(100_000, null, 100), 65_536);
  assertEquals(fittingBatchBytes(100_000, null, 40_000), 80_000);
});

Deno.test("fittingBatchBytes() is null for a topic that takes less than a batch may need", () => {
  assertEquals(fittingBatchBytes(900_000, 65_535, 100), null);
  assertEquals(fittingBatchBytes(900_000, 70_000, 40_000), null);
});

function told(cause: RefusalCause, reason: string): { parts: EngineParts; line: string } {
  const parts = new EngineParts();
  tellRefusal(parts.context, parts.runners[0]!, { cause, reason, bytes: 100_000 }, {
    batchBytesMax: 1000,
    timestampAheadMsMax: 3_600_000,
  });
  const { state, reason: why } = parts.metrics.shards.snapshot()[0]!;
  assertEquals(state, "stalled");
  assertEquals(parts.lines.length, 1);
  assertStringIncludes(parts.lines[0]!, `why="${why}"`);
  return { parts, line: parts.lines[0]! };
}

Deno.test("tellRefusal() names both clocks, the difference and the setting of refused instants", () => {
  const { line, parts } = told("timestamp", "INVALID_TIMESTAMP (32)");
  assertMatch(line, /further apart than .* message\.timestamp\.after\.max\.ms \(3600000 ms\)/);
  assertMatch(line, / now=2025-11-01T00:00:00\.000Z wallClock=2025-11-01T00:00:00\.000Z /);
  assertMatch(line, / adoptedJumpsMs=0/);
  parts.context.clock.nowMs();
  assertEquals(parts.context.clock.isDoubted, true);
});

const OTHERS: readonly (readonly [RefusalCause, string, string])[] = [
  ["too_large", "MESSAGE_TOO_LARGE (10)", "set max.message.bytes of the output topic to 65536"],
  ["access", "TOPIC_AUTHORIZATION_FAILED (29)", "grant it again"],
  ["other", "POLICY_VIOLATION (44)", "look at the settings of the output topic"],
];

for (const [cause, reason, whatToDo] of OTHERS) {
  Deno.test(`tellRefusal() says what to do about ${cause}, and leaves the clock alone`, () => {
    const { line, parts } = told(cause, reason);
    assertStringIncludes(line, `${reason}: `);
    assertStringIncludes(line, whatToDo);
    parts.context.clock.nowMs();
    assertEquals(parts.context.clock.isDoubted, false);
  });
}
