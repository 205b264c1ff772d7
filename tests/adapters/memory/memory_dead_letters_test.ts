import { assertEquals } from "@std/assert";
import { MemoryDeadLetters } from "../../../lib/adapters/memory/memory_dead_letters.ts";
import type { DeadLetter } from "../../../lib/ports/dead_letters.ts";

function letterOf(offset: number, value: Uint8Array | null): DeadLetter {
  return {
    reason: "not_json",
    detail: "",
    topic: "events",
    partition: 0,
    offset,
    count: 1,
    timestampMs: 0,
    key: null,
    value,
    headers: [{ key: new Uint8Array([1]), value: null }],
  };
}

Deno.test("MemoryDeadLetters keeps the last letters and counts all", async () => {
  const sink = new MemoryDeadLetters({ lettersMax: 3 });
  await sink.send([0, 1].map((offset) => letterOf(offset, null)));
  await sink.send([2, 3, 4].map((offset) => letterOf(offset, null)));
  assertEquals(sink.letters.map(({ offset }) => offset), [2, 3, 4]);
  assertEquals(sink.count, 5);
});

Deno.test("MemoryDeadLetters keeps no more bytes than it may", async () => {
  const sink = new MemoryDeadLetters({ bytesMax: 2_500 });
  await sink.send([0, 1, 2, 3].map((offset) => letterOf(offset, new Uint8Array(1_000))));
  assertEquals(sink.letters.map(({ offset }) => offset), [2, 3]);
  await sink.send([letterOf(4, new Uint8Array(5_000))]);
  assertEquals([sink.letters.length, sink.count], [0, 5]);
});

Deno.test("MemoryDeadLetters keeps copies", async () => {
  const sink = new MemoryDeadLetters();
  const value = new Uint8Array([1, 2, 3]);
  await sink.send([letterOf(0, value)]);
  value.fill(0);
  assertEquals(sink.letters[0]!.value, new Uint8Array([1, 2, 3]));
});
