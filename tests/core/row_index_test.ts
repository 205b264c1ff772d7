import { assert, assertEquals } from "@std/assert";
import { RowIndex } from "../../lib/core/row_index.ts";
import { Random } from "../support/random.ts";

/** What an index has to know: for each row its hash. */
class NaiveIndex {
  readonly hashOf = new Map<number, number>();
  readonly byHash = new Map<number, Set<number>>();

  insert(hash: number, row: number): void {
    this.hashOf.set(row, hash);
    const rows = this.byHash.get(hash) ?? new Set();
    this.byHash.set(hash, rows.add(row));
  }

  remove(row: number): void {
    const hash = this.hashOf.get(row)!;
    this.hashOf.delete(row);
    const rows = this.byHash.get(hash)!;
    rows.delete(row);
    if (rows.size === 0) this.byHash.delete(hash);
  }
}

const HASHES: readonly { name: string; draw: (random: Random, row: number) => number }[] = [
  { name: "good hashes", draw: (random) => random.uint32() | 0 },
  { name: "eight hashes for all", draw: (random) => random.int(0, 7) },
  { name: "hashes that differ in their high bits alone", draw: (_, row) => row << 20 },
  { name: "hashes in a row, around the end of the table", draw: (_, row) => (row & 63) - 32 },
];

for (const { name, draw } of HASHES) {
  Deno.test(`RowIndex holds what a Map holds, with ${name}`, () => {
    for (let seed = 1; seed <= 3; seed++) compare(seed, draw, name === "good hashes" ? 4000 : 150);
  });
}

function compare(
  seed: number,
  draw: (random: Random, row: number) => number,
  sizeMax: number,
): void {
  const random = new Random(seed);
  const index = new RowIndex(4);
  const naive = new NaiveIndex();
  const rows: number[] = [];
  let nextRow = 0;
  for (let step = 0; step < 200_000; step++) {
    // It grows and shrinks in long waves.
    const target = sizeMax * (1 + Math.sin(step / 9000)) / 2;
    if (random.fraction() * 2 * target > rows.length || rows.length === 0) {
      const row = nextRow++;
      const hash = draw(random, row);
      index.insert(hash, row);
      naive.insert(hash, row);
      rows.push(row);
    } else {
      const place = random.int(0, rows.length - 1);
      const row = rows[place]!;
      rows[place] = rows.at(-1)!;
      rows.pop();
      index.removeAt(slotOf(index, naive.hashOf.get(row)!, row));
      naive.remove(row);
    }
    assertEquals(index.size, rows.length);
    if (step % 16 > 0) continue;
    const hash = random.chance(0.5) || rows.length === 0
      ? draw(random, random.int(0, nextRow))
      : naive.hashOf.get(random.pick(rows))!;
    assertEquals(walk(index, hash), [...naive.byHash.get(hash) ?? []].sort(byNumber));
  }
  for (const row of rows) slotOf(index, naive.hashOf.get(row)!, row);
}

Deno.test("RowIndex finds every entry at every step of its growth", () => {
  const index = new RowIndex(8);
  const random = new Random(5);
  const hashes: number[] = [];
  for (let row = 0; row < 3000; row++) {
    hashes.push(random.uint32() | 0);
    index.insert(hashes[row]!, row);
    const stride = row < 200 ? 1 : 97;
    for (let known = 0; known <= row; known += stride) {
      assertEquals(index.rowAt(slotOf(index, hashes[known]!, known)), known);
    }
  }
});

Deno.test("RowIndex.replaceAt() puts another row under the key, also while it grows", () => {
  const index = new RowIndex(8);
  for (let row = 0; row < 700; row++) {
    index.insert(row * 7, row);
    index.replaceAt(slotOf(index, 0, row === 0 ? 0 : 100_000 + row - 1), 100_000 + row);
  }
  assertEquals(walk(index, 0), [100_699]);
  assertEquals(index.size, 700);
});

Deno.test("RowIndex does not grow while it has the room that was reserved", () => {
  for (const entries of [0, 1, 12, 13, 1000, 1536, 1537]) {
    const index = new RowIndex();
    index.reserve(entries);
    const { byteLength } = index;
    for (let row = 0; row < entries; row++) index.insert(Math.imul(row, 0x9e3779b1), row);
    assertEquals(index.byteLength, byteLength);
    for (let row = 0; row < entries; row++) {
      assertEquals(index.rowAt(index.first(Math.imul(row, 0x9e3779b1))), row);
    }
  }
});

Deno.test("RowIndex takes no more memory for a year of comings and goings", () => {
  const index = new RowIndex();
  const random = new Random(7);
  const live: [hash: number, row: number][] = [];
  let highest = 0;
  for (let row = 0; row < 1_000_000; row++) {
    const hash = random.uint32() | 0;
    index.insert(hash, row);
    live.push([hash, row]);
    if (live.length > 1000) {
      const [goneHash, goneRow] = live.shift()!;
      index.removeAt(slotOf(index, goneHash, goneRow));
    }
    if (row === 10_000) highest = index.byteLength;
  }
  assertEquals(index.byteLength, highest);
  assert(highest <= 8 * 4096, `${highest}`);
});

function slotOf(index: RowIndex, hash: number, row: number): number {
  for (let slot = index.first(hash); slot >= 0; slot = index.next()) {
    if (index.rowAt(slot) === row) return slot;
  }
  throw new Error(`row ${row} is not found`);
}

function walk(index: RowIndex, hash: number): number[] {
  const rows: number[] = [];
  for (let slot = index.first(hash); slot >= 0; slot = index.next()) rows.push(index.rowAt(slot));
  return rows.sort(byNumber);
}

function byNumber(a: number, b: number): number {
  return a - b;
}
