import { assert, assertEquals } from "@std/assert";
import { ARENA_OFFSET_MASK, ByteArena } from "../../lib/core/byte_arena.ts";
import { Random } from "../support/random.ts";

Deno.test("ByteArena gives back what was stored, however much comes and goes", () => {
  const arena = new ByteArena();
  const random = new Random(1);
  const live: { position: number; bytes: Uint8Array }[] = [];
  for (let step = 0; step < 60_000; step++) {
    if (random.chance(0.55) || live.length === 0) {
      const bytes = random.bytes(random.pick([1, 16, 17, 31, 32, 33, 128, 240, 255, 256]));
      const source = new Uint8Array(bytes.length + 3);
      source.set(bytes, 2);
      live.push({ position: arena.store(source, 2, bytes.length), bytes });
    } else {
      const [gone] = live.splice(random.int(0, live.length - 1), 1);
      assertEquals(read(arena, gone!), gone!.bytes);
      arena.free(gone!.position, gone!.bytes.length);
    }
  }
  for (const block of live) assertEquals(read(arena, block), block.bytes);
});

Deno.test("ByteArena uses freed blocks again, size by size", () => {
  const arena = new ByteArena();
  const bytes = new Uint8Array(256);
  const round = () => {
    const positions = Array.from({ length: 5000 }, (_, i) => {
      const length = 1 + i % 256;
      return { position: arena.store(bytes, 0, length), length };
    });
    for (const { position, length } of positions) arena.free(position, length);
  };
  round();
  const { byteLength } = arena;
  for (let i = 0; i < 20; i++) round();
  assertEquals(arena.byteLength, byteLength);
});

Deno.test("ByteArena takes 16 bytes for 16 and 256 for 256", () => {
  for (const length of [16, 256]) {
    const arena = new ByteArena();
    const bytes = new Uint8Array(length);
    for (let i = 0; i < 100_000; i++) arena.store(bytes, 0, length);
    const idleMax = 1 << 18;
    assert(arena.byteLength - 100_000 * length < idleMax, `${arena.byteLength}`);
  }
});

function read(arena: ByteArena, { position, bytes }: { position: number; bytes: Uint8Array }) {
  const at = position & ARENA_OFFSET_MASK;
  return arena.chunkOf(position).slice(at, at + bytes.length);
}
