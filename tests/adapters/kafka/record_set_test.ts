import { assertEquals, assertThrows } from "@std/assert";
import { isAbortMarker, scanBatches, viewOf } from "../../../lib/adapters/kafka/record_set.ts";
import { encodeRecordBatch } from "../../../lib/core/record_batch_encoder.ts";

function batch(baseOffset: number, records: number, key: Uint8Array | null = null): Uint8Array {
  return encodeRecordBatch({
    baseOffset,
    producerId: 1,
    epoch: 0,
    baseSequence: 0,
    records: Array.from({ length: records }, () => ({
      timestampMs: 0,
      key,
      value: null,
      headers: [],
    })),
  });
}

Deno.test("scanBatches() counts whole batches at every cut and never reads past it", () => {
  const first = batch(10, 2);
  const both = new Uint8Array([...first, ...batch(12, 5)]);
  for (let cut = 0; cut <= both.length; cut += 1) {
    const whole = scanBatches(both.subarray(0, cut));
    const expected = cut < first.length
      ? { bytes: 0, batches: 0, nextOffset: -1 }
      : cut < both.length
      ? { bytes: first.length, batches: 1, nextOffset: 12 }
      : { bytes: both.length, batches: 2, nextOffset: 17 };
    assertEquals(whole, expected, `cut at ${cut}`);
  }
});

Deno.test("scanBatches() goes on behind a message of an older format", () => {
  const old = new Uint8Array(34);
  const view = viewOf(old);
  view.setInt32(4, 8);
  view.setInt32(8, 22);
  view.setInt8(16, 1);
  assertEquals(scanBatches(old), { bytes: 34, batches: 1, nextOffset: 9 });
});

Deno.test("scanBatches() refuses lengths that would never end", () => {
  for (const length of [-1, 0, 13]) {
    const bytes = batch(0, 1);
    viewOf(bytes).setInt32(8, length);
    assertThrows(() => scanBatches(bytes), RangeError);
  }
});

Deno.test("isAbortMarker() tells an abort from a commit", () => {
  for (const [type, isAbort] of [[0, true], [1, false]] as const) {
    assertEquals(isAbortMarker(viewOf(batch(0, 1, new Uint8Array([0, 0, 0, type]))), 0), isAbort);
  }
});
