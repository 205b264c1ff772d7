import { assert, assertEquals } from "@std/assert";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import { RecordFacts } from "../../lib/core/record_facts.ts";
import { RECORD_BYTES_MAX, type RecordLayout } from "../../lib/core/record_layout.ts";
import { RtmRecordLayout } from "../../lib/core/rtm_record_layout.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import type { ModelRecord } from "../support/model/model_record.ts";
import { renderRecord } from "../support/model/render.ts";
import { Random } from "../support/random.ts";
import { randomRecord, type RecordCase, recordCase } from "../support/record_case.ts";

const LAYOUTS = [
  { name: "plain", layout: new PlainRecordLayout() },
  { name: "rtm-gaming", layout: new RtmRecordLayout() },
] as const;
const T0 = Date.UTC(2025, 10, 1);
const YEAR_10000 = Date.UTC(9999, 11, 31, 23, 59, 59, 999) + 1;

const EDGES: readonly (readonly [name: string, changes: Partial<ModelRecord>])[] = [
  ["of 1970", {
    startedAtMs: 0,
    orderKeyMs: 0,
    atMs: 0,
    durationMs: 0,
    nextAtMs: 1,
    sourceTimestampMs: 0,
    emittedAtMs: 0,
  }],
  ["of the longest ids, all escaped", longest("\u0001")],
  ["of the longest ids, none escaped", longest("x")],
  ["with no order key of its own", { orderKeyMs: T0 }],
  ["with an order key of its own", { orderKeyMs: T0 - 1 }],
  ["whose emission lies past the year 9999", { emittedAtMs: YEAR_10000 }],
  ["whose next instant lies past the year 9999", past9999(1)],
  ["whose instant lies past the year 9999", past9999(30_000)],
  ["whose start lies past the year 9999", past9999(90_000)],
];

for (const { name, layout } of LAYOUTS) {
  Deno.test(`Layout ${name} writes the bytes that the contract asks for`, () => {
    const random = new Random(1);
    for (let i = 0; i < 5000; i++) checkWritten(layout, name, randomRecord(random, T0));
  });

  for (const [edge, changes] of EDGES) {
    for (const status of ["SessionStart", "SessionHeartbeat", "SessionEnd"] as const) {
      Deno.test(`Layout ${name} writes a ${status} ${edge}`, () => {
        const model = { ...base(status), ...changes };
        if (status === "SessionEnd") checkWritten(layout, name, { ...model, nextAtMs: null });
        else checkWritten(layout, name, model);
        // Nothing of that is left in the next one.
        checkWritten(layout, name, base(status));
      });
    }
  }

  Deno.test(`Layout ${name} reads back all that it writes`, () => {
    const random = new Random(2);
    const facts = new RecordFacts();
    for (let i = 0; i < 5000; i++) {
      const made = caseOf(randomRecord(random, T0));
      const bytes = write(layout, made);
      assertEquals(layout.read(bytes, 0, bytes.length, facts), true);
      checkFacts(facts, made);
    }
  });

  Deno.test(`Layout ${name} reads no record that is cut off`, () => {
    const random = new Random(3);
    const facts = new RecordFacts();
    for (let i = 0; i < 40; i++) {
      const bytes = write(layout, caseOf(randomRecord(random, T0)));
      for (let length = 0; length < bytes.length; length++) {
        assertEquals(layout.read(bytes, 0, length, facts), false, `${length} of ${bytes.length}`);
      }
    }
  });

  Deno.test(`Layout ${name} reads no record that goes on behind its end`, () => {
    const bytes = write(layout, caseOf(base("SessionHeartbeat")));
    const longer = new Uint8Array(bytes.length + 1).fill(0x20);
    longer.set(bytes);
    assertEquals(layout.read(longer, 0, bytes.length, new RecordFacts()), true);
    assertEquals(layout.read(longer, 0, longer.length, new RecordFacts()), false);
  });

  for (const status of ["SessionStart", "SessionHeartbeat", "SessionEnd"] as const) {
    Deno.test(`Layout ${name} reads no ${status} with a byte changed, but in what may be any`, () => {
      for (const orderKeyMs of [T0, T0 - 1]) {
        const bytes = write(layout, caseOf({ ...base(status), orderKeyMs }));
        const free = freePlaces(new TextDecoder().decode(bytes), name);
        for (let at = 0; at < bytes.length; at++) {
          if (free.has(at)) continue;
          for (const change of [1, 3, 0x10, 0x20, 0x80]) {
            bytes[at]! ^= change;
            const text = new TextDecoder().decode(bytes);
            assertEquals(layout.read(bytes, 0, bytes.length, new RecordFacts()), false, text);
            bytes[at]! ^= change;
          }
        }
      }
    });

    Deno.test(`Layout ${name} reads no ${status} without its instants`, () => {
      const text = renderRecord(base(status), name);
      const instants = [
        ...text.matchAll(
          /"[^"]*[tT]imestamp":("[^"]*Z")|"(?:at|startedAt|emittedAt|nextAt|timer_info)":("[^"]*Z"|null)/g,
        ),
      ];
      assert(instants.length >= 4, text);
      for (const match of instants) {
        const value = match[1] ?? match[2]!;
        const other = value === "null" ? '"2025-11-01T00:00:30.000Z"' : "null";
        const at = match.index + match[0].length - value.length;
        const changed = new TextEncoder().encode(
          text.slice(0, at) + other + text.slice(at + value.length),
        );
        const isRead = layout.read(changed, 0, changed.length, new RecordFacts());
        assertEquals(isRead, false, `${match[0]} ${other}`);
      }
    });
  }

  const [device, session, account] = name === "plain"
    ? ["deviceId", "sessionId", "accountId"]
    : ["deviceId", "appSessionId", "psnAccountId"];
  for (
    const [key, value, isRead] of [
      [device, JSON.stringify("d".repeat(256)), true],
      [device, JSON.stringify("d".repeat(257)), false],
      [device, '""', false],
      [device, "null", false],
      [device, "17", false],
      [session, JSON.stringify("s".repeat(128)), true],
      [session, JSON.stringify("s".repeat(129)), false],
      [session, '""', false],
      [session, "null", false],
      [session, "-17", true],
      [session, "1-7", false],
      [session, "-", false],
      [account, JSON.stringify("a".repeat(128)), true],
      [account, JSON.stringify("a".repeat(129)), false],
      [account, '""', true],
      [account, "null", true],
      [account, "17", false],
    ] as const
  ) {
    const told = value.length > 20 ? `${value.length - 2} bytes` : value;
    Deno.test(`Layout ${name} reads ${isRead ? "a" : "no"} record with ${told} as ${key}`, () => {
      const text = renderRecord(base("SessionHeartbeat"), name);
      const other = text.replace(new RegExp(`"${key}":[^,]*`), `"${key}":${value}`);
      const bytes = new TextEncoder().encode(other);
      assertEquals(layout.read(bytes, 0, bytes.length, new RecordFacts()), isRead);
    });
  }

  Deno.test(`Layout ${name} does not stumble over a record with any byte changed`, () => {
    const random = new Random(4);
    const facts = new RecordFacts();
    let failed = 0;
    for (let i = 0; i < 20; i++) {
      const bytes = write(layout, caseOf(randomRecord(random, T0)));
      for (let at = 0; at < bytes.length; at++) {
        const before = bytes[at]!;
        bytes[at] = random.pick([0, 0x22, 0x5c, 0x30, 0xff, before ^ (1 << random.int(0, 7))]);
        if (!layout.read(bytes, 0, bytes.length, facts)) failed++;
        bytes[at] = before;
      }
    }
    assert(failed > 1000, `${failed}`);
  });
}

Deno.test("No layout reads the records of the other", () => {
  const random = new Random(5);
  const facts = new RecordFacts();
  for (const [writer, reader] of [[0, 1], [1, 0]] as const) {
    const bytes = write(LAYOUTS[writer].layout, caseOf(randomRecord(random, T0)));
    assertEquals(LAYOUTS[reader].layout.read(bytes, 0, bytes.length, facts), false);
  }
});

/** Values that a reader can hold against nothing else in the record. */
const FREE: Record<"plain" | "rtm-gaming", readonly RegExp[]> = {
  "plain": [
    /"deviceId":"([^"]*)"/d,
    /"sessionId":(\d+)/d,
    /"accountId":"([^"]*)"/d,
    /"seq":(\d+)/d,
    /"timestamp":"([^"]*)"/d,
    /"nextAt":"([^"]*)"/d,
    /"sourceTimestamp":"([^"]*)"/d,
    /"emittedAt":"([^"]*)"/d,
  ],
  "rtm-gaming": [
    /"deviceId":"([^"]*)"/d,
    /"appSessionId":(\d+)/d,
    /"psnAccountId":"([^"]*)"/d,
    /"session_timestamp":"([^"]*)"/d,
    /"sessionDuration":(\d+)/d,
    /"upstream_timestamp":"([^"]*)"/d,
    /"processing_timestamp":"([^"]*)"/d,
    /"timer_info":"([^"]*)"/d,
    /seq=(\d+)/d,
    /key=(\d+)/d,
  ],
};

function freePlaces(text: string, name: "plain" | "rtm-gaming"): Set<number> {
  const free = new Set<number>();
  for (const pattern of FREE[name]) {
    const [from, to] = pattern.exec(text)?.indices?.[1] ?? [0, 0];
    for (let at = from; at < to; at++) free.add(at);
  }
  return free;
}

/** A table for all: a page of rows is five megabytes. */
let rows = new SessionRows(1);

function caseOf(model: ModelRecord): RecordCase {
  if (rows.used > 60_000) rows = new SessionRows(1);
  return recordCase(model, rows);
}

function base(status: ModelRecord["status"]): ModelRecord {
  return {
    deviceId: "device",
    sessionId: { text: "17", isNumber: true },
    accountId: "account",
    status,
    reason: status === "SessionEnd" ? "timeout" : null,
    seq: status === "SessionStart" ? 0 : 3,
    startedAtMs: T0,
    orderKeyMs: T0,
    atMs: T0 + 90_000,
    durationMs: 90_000,
    reportedDurationMs: null,
    nextAtMs: status === "SessionEnd" ? null : T0 + 120_000,
    sourceTimestampMs: T0,
    emittedAtMs: T0 + 90_001,
  };
}

function longest(character: string): Partial<ModelRecord> {
  return {
    deviceId: character.repeat(256),
    sessionId: { text: character.repeat(128), isNumber: false },
    accountId: character.repeat(128),
    seq: 2 ** 31 - 1,
    orderKeyMs: T0 - 1,
    emittedAtMs: YEAR_10000,
  };
}

/** Of a session that began so long before the year 10000 that this instant is in it. */
function past9999(ms: number): Partial<ModelRecord> {
  const startedAtMs = YEAR_10000 - 120_000 + ms;
  return {
    startedAtMs,
    orderKeyMs: startedAtMs,
    atMs: startedAtMs + 90_000,
    nextAtMs: startedAtMs + 120_000,
    sourceTimestampMs: startedAtMs,
    emittedAtMs: startedAtMs + 90_000,
  };
}

function checkWritten(
  layout: RecordLayout,
  name: "plain" | "rtm-gaming",
  model: ModelRecord,
): void {
  const bytes = write(layout, caseOf(model));
  assertEquals(new TextDecoder().decode(bytes), renderRecord(model, name));
}

function checkFacts(facts: RecordFacts, { model, rows, row, draft }: RecordCase): void {
  const read = rows;
  const copy = read.allocate();
  read.setIds(copy, facts.words, 0, facts.kinds, facts.longBytes);
  for (const field of ["writeDevice", "writeSession", "writeAccount"] as const) {
    const a = new Uint8Array(256);
    const b = new Uint8Array(256);
    assertEquals(read[field](copy, a, 0), rows[field](row, b, 0));
    assertEquals(a, b);
  }
  assertEquals(
    [read.deviceKind(copy), read.sessionKind(copy), read.accountKind(copy)],
    [rows.deviceKind(row), rows.sessionKind(row), rows.accountKind(row)],
  );
  assertEquals(
    [facts.status, facts.reason, facts.seq, facts.startedAtMs, facts.orderKeyMs, facts.nextAtMs],
    [
      draft.status,
      draft.reason,
      model.seq,
      model.startedAtMs,
      model.orderKeyMs,
      model.nextAtMs ?? NaN,
    ],
  );
}

/** The value as the layout writes it behind a key, touching no other byte. */
function write(layout: RecordLayout, { rows, row, draft }: RecordCase): Uint8Array {
  const out = new Uint8Array(2 * RECORD_BYTES_MAX).fill(0xff);
  const keyEnd = rows.writeDevice(row, out, 3);
  const end = layout.write(rows, row, draft, out, keyEnd + 2, 3, keyEnd - 3);
  assertEquals([out[keyEnd], out[keyEnd + 1], out[end]], [0xff, 0xff, 0xff]);
  assert(end - keyEnd < RECORD_BYTES_MAX - 256 - 32);
  return out.slice(keyEnd + 2, end);
}
