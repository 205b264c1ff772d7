import { assertEquals, assertThrows } from "@std/assert";
import { WireReader } from "../../../lib/adapters/kafka/wire_reader.ts";
import { WireWriter } from "../../../lib/adapters/kafka/wire_writer.ts";

Deno.test("WireReader reads back what WireWriter wrote, past its first buffer", () => {
  const writer = new WireWriter(4);
  const wholes = [0, -1, 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1, -2147483649];
  writer.int8(-128).int16(-2).int32(-3).string("größer").nullableString(null);
  writer.bytes(new Uint8Array([1, 2])).array(wholes, (whole) => writer.int64(whole));
  const reader = new WireReader(writer.finish());
  assertEquals([reader.int8(), reader.int16(), reader.int32()], [-128, -2, -3]);
  assertEquals([reader.string(), reader.nullableString()], ["größer", null]);
  assertEquals([...reader.bytes()], [1, 2]);
  assertEquals(reader.array(() => reader.int64()), wholes);
  assertThrows(() => reader.int8(), RangeError);
});

Deno.test("WireReader takes null arrays and bytes for empty ones, and refuses lengths beyond the end", () => {
  const nulls = new WireReader(new WireWriter().int32(-1).int32(-1).finish());
  assertEquals(nulls.array(() => 1), []);
  assertEquals(nulls.bytes().length, 0);
  const long = new WireReader(new WireWriter().int32(5).int8(1).finish());
  assertThrows(() => long.bytes(), RangeError);
});
