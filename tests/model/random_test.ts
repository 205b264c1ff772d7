import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Random } from "../support/random.ts";

Deno.test("Random gives the same numbers for the same seed, on every machine", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return [random.uint32(), random.uint32(), random.int(-5, 5), random.uuid()];
  };
  assertEquals(draw(1), draw(1));
  assert(draw(1)[0] !== draw(2)[0]);
  assertEquals(draw(1), [393288148, 2174103013, 4, "7a8e5fbe-adf3-4a59-98c0-50ab9ad9492a"]);
});

Deno.test("Random.int() reaches both ends and nothing beyond", () => {
  const random = new Random(5);
  const seen = new Set(Array.from({ length: 500 }, () => random.int(-2, 2)));
  assertEquals([...seen].sort((a, b) => a - b), [-2, -1, 0, 1, 2]);
  const wide = Array.from({ length: 500 }, () => random.int(0, 2 ** 53 - 1));
  assert(wide.every((value) => Number.isSafeInteger(value) && value >= 0));
  assert(wide.some((value) => value % 2 === 1));
});

Deno.test("Random.shuffle() keeps what there is and leaves the original as it was", () => {
  const items = [1, 2, 3, 4, 5, 6, 7, 8];
  const shuffled = new Random(9).shuffle(items);
  assertEquals(items, [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(shuffled.toSorted((a, b) => a - b), items);
  assert(shuffled.some((item, i) => item !== items[i]));
});

Deno.test("Random.pick() refuses an empty choice", () => {
  assertThrows(() => new Random(1).pick([]), RangeError, "no choice");
});

Deno.test("Random.uuid() writes version 4", () => {
  const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assertMatch(new Random(1).uuid(), pattern);
});

Deno.test("Random.fork() does not follow its parent", () => {
  const random = new Random(4);
  const fork = random.fork();
  assert(fork.uint32() !== random.uint32());
});
