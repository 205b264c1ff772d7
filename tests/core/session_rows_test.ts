import { assertEquals } from "@std/assert";
import { ByteWriter } from "../../lib/core/byte_writer.ts";
import {
  ROW_ACTIVE,
  ROW_EARLY_END,
  ROW_ENDED,
  ROW_STAGED,
  ROW_WORDS,
} from "../../lib/core/row_format.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { type IdTexts, packIds, randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";

interface Known extends IdTexts {
  readonly startedAt: number;
  readonly orderKey: number;
  readonly seq: number;
  readonly beat: number;
  readonly link: number;
  readonly state: number;
}

Deno.test("SessionRows keep every field of every row, whatever comes and goes beside it", () => {
  const rows = new SessionRows(1);
  const random = new Random(1);
  const live = new Map<number, Known>();
  for (let step = 0; step < 20_000; step++) {
    if (random.chance(0.55) || live.size === 0) {
      const known = draw(random);
      const row = write(rows, known);
      assertEquals(live.has(row), false);
      live.set(row, known);
    } else {
      const row = nth(live, random.int(0, Math.min(50, live.size) - 1));
      assertEquals(read(rows, row), live.get(row));
      rows.free(row);
      live.delete(row);
    }
    assertEquals(rows.live, live.size);
  }
  for (const [row, known] of live) assertEquals(read(rows, row), known);
});

Deno.test("SessionRows fill pages one after the other and use freed rows first", () => {
  const rows = new SessionRows(1);
  const known = draw(new Random(2));
  for (let i = 0; i < 65_536; i++) write(rows, known);
  const { byteLength } = rows;
  rows.free(10);
  rows.free(20);
  assertEquals([write(rows, known), write(rows, known)], [20, 10]);
  assertEquals(rows.byteLength, byteLength);
  assertEquals(write(rows, known), 65_536);
  assertEquals(rows.used, 65_537);
  assertEquals(read(rows, 65_536), known);
});

Deno.test("SessionRows give back the bytes of long ids", () => {
  const rows = new SessionRows(1);
  const ids = packIds({
    device: "d".repeat(256),
    session: "s".repeat(128),
    account: "a".repeat(99),
  });
  const round = () => {
    const written = Array.from({ length: 1000 }, () => {
      const row = rows.allocate();
      rows.setIds(row, ids.words, 0, ids.kinds, ids.longBytes);
      return row;
    });
    for (const row of written) rows.free(row);
  };
  round();
  const { byteLength } = rows;
  for (let i = 0; i < 30; i++) round();
  assertEquals(rows.byteLength, byteLength);
});

Deno.test("SessionRows.isDevice(), isSession(), sameDevice() and sameSession() compare texts", () => {
  const rows = new SessionRows(1);
  const random = new Random(3);
  const devices = Array.from({ length: 40 }, () => randomIdText(random, 256));
  const sessions = Array.from({ length: 40 }, () => randomIdText(random, 128));
  const written = devices.map((device, i) => ({
    row: write(rows, { ...draw(random), device, session: sessions[i]! }),
    device,
    session: sessions[i]!,
  }));
  for (const a of written) {
    const ids = packIds(a);
    const { deviceKind, sessionKind, words, longBytes } = ids;
    assertEquals(rows.hashId(deviceKind, words, 0, longBytes), rows.deviceHash(a.row));
    assertEquals(rows.hashId(sessionKind, words, 4, longBytes), rows.sessionHash(a.row));
    for (const b of written) {
      assertEquals(rows.isDevice(b.row, deviceKind, words, 0, longBytes), a.device === b.device);
      assertEquals(
        rows.isSession(b.row, sessionKind, words, 4, longBytes),
        a.session === b.session,
      );
      assertEquals(rows.sameDevice(a.row, b.row), a.device === b.device);
      assertEquals(rows.sameSession(a.row, b.row), a.session === b.session);
    }
  }
});

Deno.test("SessionRows know an id that came as an integer from the same text", () => {
  const rows = new SessionRows(1);
  const row = write(rows, { ...draw(new Random(4)), session: "17", sessionIsInteger: true });
  const { sessionKind, words, longBytes } = packIds({ device: "d", session: "17" });
  assertEquals(rows.isSession(row, sessionKind, words, 4, longBytes), true);
});

Deno.test("SessionRows.importRow() gives back what exportRow() took, from another table", () => {
  const from = new SessionRows(1);
  const to = new SessionRows(2);
  const random = new Random(5);
  const tail = new ByteWriter(16);
  const words = new Int32Array(200 * ROW_WORDS);
  const all = Array.from({ length: 200 }, () => draw(random));
  for (const [i, known] of all.entries()) {
    from.exportRow(write(from, known), words, i * ROW_WORDS, tail);
  }
  for (const [i, known] of all.entries()) {
    assertEquals(read(to, to.importRow(words, i * ROW_WORDS, tail.view())), known);
  }
});

Deno.test("SessionRows.identityHash() is the same in every process and tells the ids apart", () => {
  const random = new Random(6);
  const hashes = new Map<number, string>();
  const a = new SessionRows(1);
  const b = new SessionRows(2);
  for (let i = 0; i < 2000; i++) {
    const known = draw(random);
    const hash = a.identityHash(write(a, known));
    assertEquals(b.identityHash(write(b, { ...known, seq: 5, startedAt: 9 })), hash);
    const ids = JSON.stringify([known.device, known.session, known.account]);
    assertEquals(hashes.get(hash) ?? ids, ids);
    hashes.set(hash, ids);
  }
});

Deno.test("SessionRows.age() gives back every age up to the longest duration, of 30 days", () => {
  const rows = new SessionRows(1);
  const row = write(rows, draw(new Random(1)));
  for (const age of [0, 1, 2 ** 31 - 1, 2 ** 31, 30 * 86_400_000 - 1, 2 ** 32 - 1]) {
    rows.setAge(row, age);
    assertEquals(rows.age(row), age);
  }
});

function draw(random: Random): Known {
  const isInteger = random.chance(0.3);
  const sessionIsInteger = isInteger;
  return {
    device: randomIdText(random, 256),
    session: isInteger ? `${random.int(0, 2 ** 53)}` : randomIdText(random, 128),
    sessionIsInteger,
    account: random.chance(0.3) ? null : randomIdText(random, 128),
    startedAt: random.int(0, 253_402_300_799_999),
    orderKey: random.int(0, 253_402_300_799_999),
    seq: random.int(0, 2 ** 31 - 1),
    beat: random.int(0, 2 ** 31 - 1),
    link: random.int(-1, 2 ** 31 - 1),
    state: random.pick([ROW_ACTIVE, ROW_ENDED, ROW_EARLY_END, ROW_STAGED]),
  };
}

function write(rows: SessionRows, known: Known): number {
  const { words, kinds, longBytes } = packIds(known);
  const row = rows.allocate();
  rows.setIds(row, words, 0, kinds, longBytes);
  rows.setStartedAt(row, known.startedAt);
  rows.setOrderKey(row, known.orderKey);
  rows.setSeq(row, known.seq);
  rows.setBeat(row, known.beat);
  rows.setLink(row, known.link);
  rows.setState(row, known.state);
  return row;
}

function read(rows: SessionRows, row: number): Known {
  const text = (write: "writeDevice" | "writeSession" | "writeAccount") => {
    const bytes = new Uint8Array(256);
    return new TextDecoder().decode(bytes.subarray(0, rows[write](row, bytes, 0)));
  };
  return {
    device: text("writeDevice"),
    session: text("writeSession"),
    sessionIsInteger: (rows.sessionKind(row) & 0x80) !== 0,
    account: (rows.accountKind(row) & 63) === 19 ? null : text("writeAccount"),
    startedAt: rows.startedAt(row),
    orderKey: rows.orderKey(row),
    seq: rows.seq(row),
    beat: rows.beat(row),
    link: rows.link(row),
    state: rows.state(row),
  };
}

function nth<T>(map: Map<T, unknown>, n: number): T {
  let i = 0;
  for (const key of map.keys()) if (i++ === n) return key;
  throw new RangeError("there are not so many");
}
