import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import kafkajsMurmur2 from "kafkajs/src/producer/partitioners/default/murmur2.js";
import { murmur2, partitionOf } from "../../lib/core/murmur2.ts";

const encoder = new TextEncoder();

function murmur2Of(text: string): number {
  const bytes = encoder.encode(text);
  return murmur2(bytes, 0, bytes.length);
}

Deno.test("murmur2() gives the values of Kafka's own test", () => {
  assertEquals(murmur2Of("21"), -973932308);
  assertEquals(murmur2Of("foobar"), -790332482);
  assertEquals(murmur2Of("a-little-bit-long-string"), -985981536);
  assertEquals(murmur2Of("a-little-bit-longer-string"), -1486304829);
  assertEquals(murmur2Of("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  assertEquals(murmur2Of("abc"), 479470107);
});

Deno.test("murmur2() equals kafkajs for every length up to 70 and bytes above 127", () => {
  const buffer = Uint8Array.from({ length: 80 }, (_, i) => (i * 37 + 200) & 255);
  for (let length = 0; length <= 70; length++) {
    for (let from = 0; from < 4; from++) {
      const expected = kafkajsMurmur2(Buffer.from(buffer.subarray(from, from + length)));
      assertEquals(murmur2(buffer, from, from + length), expected, `length ${length}`);
    }
  }
});

Deno.test("partitionOf() masks the sign away before the modulo", () => {
  const key = encoder.encode("21");
  assertEquals(partitionOf(key, 0, 2, 16), (-973932308 & 0x7fffffff) % 16);
  for (let i = 0; i < 500; i++) {
    const bytes = encoder.encode(`device-${i}`);
    const partition = partitionOf(bytes, 0, bytes.length, 7);
    assertEquals(partition, (kafkajsMurmur2(Buffer.from(bytes)) & 0x7fffffff) % 7);
  }
});
