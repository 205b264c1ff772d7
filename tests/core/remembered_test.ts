import { assert, assertEquals } from "@std/assert";
import { Remembered, RememberedCursor } from "../../lib/core/remembered.ts";
import { NO_ROW, ROW_EARLY_END, ROW_ENDED } from "../../lib/core/row_format.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";
import { rememberedRows } from "../support/remembered_rows.ts";
import { findRemembered, stageRow } from "../support/session_table.ts";

interface Entry {
  readonly row: number;
  readonly device: string;
  readonly session: string;
  readonly orderKeyMs: number;
  readonly clockMs: number;
  readonly isEarlyEnd: boolean;
  isTaken: boolean;
  isWritten: boolean;
}

const GRACE_MS = 50;

for (const devices of [1, 3, 40]) {
  Deno.test(`Remembered remembers what a list does, with ${devices} devices`, () => {
    for (let seed = 1; seed <= 5; seed++) compare(seed, devices);
  });
}

function compare(seed: number, devices: number): void {
  const random = new Random(seed);
  const rows = new SessionRows(seed);
  const remembered = new Remembered(rows);
  const names = Array.from({ length: devices }, () => randomIdText(random, 256));
  const sessions = Array.from({ length: 30 }, () => randomIdText(random, 128));
  let list: Entry[] = [];
  let clockMs = 0;
  // A walk that goes on now and then, while others are added, taken and expire.
  let cursor = new RememberedCursor();
  let walked: Entry[] = [];
  const isKnown = (device: string, session: string) =>
    list.some((e) => !e.isTaken && e.device === device && e.session === session);
  for (let step = 0; step < 5000; step++) {
    clockMs += random.int(0, 4);
    const device = random.pick(names);
    const session = random.pick(sessions);
    if (random.chance(0.6) && !isKnown(device, session)) {
      const orderKeyMs = random.int(0, 20);
      const row = stageRow(rows, { device, session, orderKeyMs });
      const isEarlyEnd = random.chance(0.3);
      const hash = rows.deviceHash(row);
      if (isEarlyEnd) remembered.addEarlyEnd(row, hash, clockMs);
      else remembered.addEnded(row, hash, clockMs);
      const state = { isEarlyEnd, isTaken: false, isWritten: !isEarlyEnd };
      list.push({ row, device, session, orderKeyMs, clockMs, ...state });
    } else if (random.chance(0.3) && list.length > 0) {
      const entry = random.pick(list);
      const { row } = entry;
      if (!entry.isTaken) remembered.take(row);
      // An ended session is taken where a log tells its end once more.
      if (!entry.isTaken && !entry.isEarlyEnd) {
        const again = stageRow(rows, entry);
        remembered.addEnded(again, rows.deviceHash(again), clockMs);
        list.push({ ...entry, row: again, clockMs });
      }
      entry.isTaken = true;
    } else if (random.chance(0.5)) {
      const gone = list.filter((entry) => entry.clockMs + GRACE_MS < clockMs);
      const orphans = gone.filter((entry) => entry.isEarlyEnd && !entry.isTaken).length;
      assertEquals(remembered.expire(clockMs, GRACE_MS), orphans);
      list = list.filter((entry) => !gone.includes(entry));
    } else if (random.chance(0.2)) {
      const unwritten = list.filter((entry) => !entry.isWritten);
      const visited: number[] = [];
      remembered.takeUnwritten((row) => visited.push(row));
      assertEquals(visited, unwritten.filter(({ isTaken }) => !isTaken).map(({ row }) => row));
      for (const entry of unwritten) entry.isWritten = true;
    } else if (random.chance(0.1)) {
      const unwritten = list.filter((entry) => !entry.isWritten);
      const kept = random.int(0, 10);
      assertEquals(remembered.dropUnwritten(kept), Math.max(0, unwritten.length - kept));
      for (const entry of unwritten.slice(0, Math.max(0, unwritten.length - kept))) {
        entry.isWritten = true;
      }
    } else if (random.chance(0.15)) {
      const unwritten = list.filter((entry) => !entry.isWritten);
      const bytesMax = random.int(0, 1000);
      remembered.shrinkUnwritten(bytesMax);
      while (bytesOf(unwritten) > bytesMax) unwritten.shift()!.isWritten = true;
    }
    if (random.chance(0.3)) {
      const next = list[list.findLastIndex((entry) => walked.includes(entry)) + 1];
      const entry = list.slice(list.indexOf(next!)).find(({ isTaken }) => !isTaken);
      assertEquals(remembered.next(cursor), next === undefined ? NO_ROW : entry?.row ?? NO_ROW);
      if (next !== undefined) walked = list.slice(0, list.indexOf(entry ?? list.at(-1)!) + 1);
    } else if (random.chance(0.01)) {
      cursor = new RememberedCursor();
      walked = [];
    }
    check(rows, remembered, list, device, session);
  }
  assertEquals(remembered.expire(clockMs + 1000, GRACE_MS) >= 0, true);
  assertEquals([remembered.endedCount, remembered.earlyEndCount, rows.live], [0, 0, 0]);
}

/** In a position: two ids, their lengths, the form, three numbers. */
function bytesOf(entries: readonly Entry[]): number {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  return entries.reduce((sum, { device, session }) => sum + bytes(device) + bytes(session) + 32, 0);
}

function check(
  rows: SessionRows,
  remembered: Remembered,
  list: readonly Entry[],
  device: string,
  session: string,
): void {
  const known = list.filter(({ isTaken }) => !isTaken);
  const ended = known.filter(({ isEarlyEnd }) => !isEarlyEnd);
  assertEquals(remembered.endedCount, ended.length);
  assertEquals(remembered.earlyEndCount, known.length - ended.length);
  const unwritten = list.filter(({ isWritten }) => !isWritten);
  assertEquals(remembered.unwrittenCount, unwritten.length);
  assertEquals(remembered.unwrittenBytes, bytesOf(unwritten));
  assertEquals(
    remembered.nextExpiryMs(GRACE_MS),
    list.length === 0 ? Infinity : list[0]!.clockMs + GRACE_MS,
  );
  const same = known.find((entry) => entry.device === device && entry.session === session);
  const found = findRemembered(rows, remembered, { device, session });
  assertEquals(found, same?.row ?? NO_ROW);
  if (same !== undefined) {
    assertEquals(rows.state(found), same.isEarlyEnd ? ROW_EARLY_END : ROW_ENDED);
    assertEquals(remembered.findSame(same.row, rows.deviceHash(same.row)), same.row);
  }
  const ofDevice = list.find((entry) => entry.device === device);
  if (ofDevice !== undefined) {
    const newest = ended.filter((entry) => entry.device === device).sort(byOrder).at(-1);
    const row = remembered.newestOf(ofDevice.row, rows.deviceHash(ofDevice.row));
    assertEquals(row, newest?.row ?? NO_ROW);
  }
  assertEquals(rememberedRows(remembered), known.map(({ row }) => row));
}

/** By order key, then by the id's text as UTF-8. */
function byOrder(a: Entry, b: Entry): number {
  if (a.orderKeyMs !== b.orderKeyMs) return a.orderKeyMs - b.orderKeyMs;
  const [bytesA, bytesB] = [a, b].map(({ session }) => new TextEncoder().encode(session));
  for (let i = 0; i < Math.min(bytesA!.length, bytesB!.length); i++) {
    if (bytesA![i] !== bytesB![i]) return bytesA![i]! - bytesB![i]!;
  }
  return bytesA!.length - bytesB!.length;
}

for (const order of ["rising", "falling", "equal"] as const) {
  Deno.test(`Remembered looks at few rows for a device with 100,000 ended sessions, ${order}`, () => {
    const rows = new CountingRows(1);
    const remembered = new Remembered(rows);
    for (let i = 0; i < 100_000; i++) {
      const orderKeyMs = { rising: i, falling: 100_000 - i, equal: 0 }[order];
      const row = stageRow(rows, { device: "noisy", session: `${i}`, orderKeyMs });
      const hash = rows.deviceHash(row);
      remembered.newestOf(row, hash);
      remembered.addEnded(row, hash, i);
      remembered.expire(i, 60_000);
    }
    remembered.expire(1_000_000, 60_000);
    assertEquals([remembered.endedCount, rows.live], [0, 0]);
    assert(rows.looks < 3_000_000, `${rows.looks}`);
  });
}

/** Counts how often order keys and devices are looked at. */
class CountingRows extends SessionRows {
  looks = 0;

  override orderKey(row: number): number {
    this.looks++;
    return super.orderKey(row);
  }

  override sameDevice(a: number, b: number): boolean {
    this.looks++;
    return super.sameDevice(a, b);
  }
}

Deno.test("Remembered takes no memory for early ends that come and go and are never written", () => {
  const rows = new SessionRows(1);
  const remembered = new Remembered(rows);
  for (let i = 0; i < 300_000; i++) {
    const row = stageRow(rows, { device: "d", session: `${i}` });
    remembered.addEarlyEnd(row, rows.deviceHash(row), i);
    remembered.expire(i, 100);
    assertEquals(remembered.unwrittenCount, Math.min(i + 1, 101));
  }
  assert(remembered.byteLength < 64_000, `${remembered.byteLength}`);
});

Deno.test("Remembered forgets the oldest before their time where there are too many, and counts those", () => {
  const rows = new SessionRows(1);
  const counters = { forgottenEnds: 0 };
  const remembered = new Remembered(rows, { rememberedMax: 3, counters });
  const add = (session: string, isEarlyEnd = false) => {
    const row = stageRow(rows, { device: "d", session, orderKeyMs: 0 });
    if (isEarlyEnd) remembered.addEarlyEnd(row, rows.deviceHash(row), 100);
    else remembered.addEnded(row, rows.deviceHash(row), 100);
    return row;
  };
  const isKnown = (session: string) =>
    findRemembered(rows, remembered, { device: "d", session }) !== NO_ROW;
  add("1");
  add("2", true);
  const taken = add("3");
  add("4");
  remembered.take(taken);
  add("5", true);
  // Rows are kept until it is asked to expire: whoever holds one may go on.
  assertEquals([remembered.endedCount, remembered.earlyEndCount, isKnown("1")], [2, 2, true]);
  assertEquals([remembered.expire(100, GRACE_MS), counters.forgottenEnds], [0, 2]);
  assertEquals(["1", "2", "4", "5"].map(isKnown), [false, false, true, true]);
  assertEquals(remembered.unwrittenCount, 1);
  // A spent row counts as one, and is none that was forgotten.
  add("6");
  add("7");
  remembered.expire(100, GRACE_MS);
  assertEquals([counters.forgottenEnds, isKnown("4"), isKnown("5")], [3, false, true]);
  assertEquals([remembered.expire(151, GRACE_MS), counters.forgottenEnds], [1, 3]);
  assertEquals([remembered.endedCount, remembered.earlyEndCount], [0, 0]);
});
