import { assert, assertEquals, assertGreater } from "@std/assert";
import { BAD_LINES, badLine, bytesOf } from "../support/bad_line_generator.ts";
import {
  type EventGeneratorOptions,
  generateFile,
  generateLines,
} from "../support/event_generator.ts";
import { eventMembers, oddObjectText } from "../support/event_text.ts";
import { decodeValue, PLAIN_FIELDS, RTM_GAMING_FIELDS } from "../support/model/model_events.ts";
import { decodeLine, linesOf, replayModel } from "../support/model/replay_model.ts";
import { Random } from "../support/random.ts";

const LAYOUTS = [["plain", PLAIN_FIELDS], ["rtm-gaming", RTM_GAMING_FIELDS]] as const;

const SMALL: EventGeneratorOptions = {
  seed: 7,
  devices: 60,
  sessionsPerDevice: 10,
  heartbeatIntervalMs: 300_000,
};

/** What the model takes a line for, in the generator's words. */
function kindOf(bytes: Uint8Array, fields: typeof PLAIN_FIELDS): string {
  const line = decodeLine(bytes, { fields, lineNumber: 0 });
  if (line.kind === "event") return line.event.kind;
  return line.kind === "ignored" ? "ignored" : line.reason;
}

Deno.test("generateLines() gives the same bytes for the same seed and others for another", () => {
  const file = generateFile(SMALL);
  assertEquals(generateFile(SMALL), file);
  assert(generateFile({ ...SMALL, seed: 8 }).length !== file.length);
  assertEquals([...linesOf(file)].length, [...generateLines(SMALL)].length);
});

for (const [layout, fields] of LAYOUTS) {
  Deno.test(`generateLines() of ${layout} makes lines that the model takes as they are meant`, () => {
    const rates = { ignored: 0.3, rejected: 0.5, oddText: 0.5 };
    for (const { bytes, expected } of generateLines({ ...SMALL, layout, rates })) {
      assertEquals(kindOf(bytes, fields), expected, new TextDecoder().decode(bytes.slice(0, 400)));
      assert(!bytes.includes(0x0a));
    }
  });

  Deno.test(`generateLines() of ${layout} reaches every case of the contract`, () => {
    const rates = { rejected: 0.1 };
    const lines = [...generateLines({ ...SMALL, layout, rates })].map(({ bytes }) => bytes);
    const result = replayModel(lines, {
      heartbeatIntervalMs: 300_000,
      maxDurationMs: 1_800_000,
      graceMs: 30_000,
      input: fields,
      output: "plain",
      drain: true,
    });
    const { counters, recordsByStatus, state } = result;
    for (const count of [counters.duplicates, counters.earlyEnds, counters.orphanEnds]) {
      assertGreater(count, 10);
    }
    assertGreater(counters.lateStarts, 5);
    assertGreater(counters.earlyEnds - counters.orphanEnds, state.devices.length);
    const reasons = Map.groupBy(result.output, (text) => JSON.parse(text).value.reason);
    for (const reason of ["ended", "superseded", "timeout"]) {
      assertGreater(reasons.get(reason)?.length ?? 0, 10);
    }
    assertEquals(recordsByStatus.SessionStart, recordsByStatus.SessionEnd);
    assertEquals(Object.keys(result.rejected).sort(), [
      "bad_field",
      "missing_field",
      "not_json",
      "not_object",
      "too_large",
    ]);
  });

  Deno.test(`each kind of bad line is rejected for its own reason, in ${layout}`, () => {
    const random = new Random(1);
    const deviceField = layout === "plain" ? "deviceId" : "openPsid";
    const content = {
      kind: "start",
      deviceId: "d",
      sessionId: { text: "1", isNumber: true },
      accountId: "a",
      timestampMs: 1_761_955_605_000,
      durationSeconds: null,
    } as const;
    const members = eventMembers(content, { fields, deviceField, random });
    const good = { members, fields, deviceField };
    for (const { reason, name, make } of BAD_LINES) {
      assertEquals(kindOf(bytesOf(make(good, random)), fields), reason, name);
    }
    const { bytes, reason } = badLine(good, random);
    assertEquals(kindOf(bytes, fields), reason);
  });
}

Deno.test("oddObjectText() writes the same event in other words", () => {
  const random = new Random(3);
  for (let i = 0; i < 500; i++) {
    const content = {
      kind: "end",
      deviceId: 'd"\\/\n\u{1f3ae}é',
      sessionId: { text: "18446744073709551615", isNumber: true },
      accountId: "/a",
      timestampMs: 1_761_955_605_120,
      durationSeconds: 1.5,
    } as const;
    const options = { fields: PLAIN_FIELDS, deviceField: "deviceId", random };
    const text = oddObjectText(eventMembers(content, options), random);
    const { durationSeconds: _, ...same } = content;
    assertEquals(
      decodeValue(new TextEncoder().encode(text), PLAIN_FIELDS, "t"),
      { ...same, reportedDurationMs: 1_500 },
      text,
    );
  }
});
