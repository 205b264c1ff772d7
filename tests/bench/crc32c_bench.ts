/**
 * CRC-32C over the sizes that occur: a record, a small batch, a full fetch.
 * Run: `deno bench tests/bench/crc32c_bench.ts`. Divide by the size for ns a byte.
 */
import { crc32c, crc32cCombine } from "../../lib/core/crc32c.ts";

const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => Math.imul(i, 2654435761) >>> 13);

for (const length of [64, 200, 420, 16_384, 1_000_000]) {
  Deno.bench({ name: `crc32c ${length} bytes`, group: "crc32c" }, () => {
    crc32c(bytes, 3, 3 + length);
  });
}

Deno.bench({ name: "crc32cCombine 16384 bytes", group: "crc32cCombine" }, () => {
  crc32cCombine(0x12345678, 0x9abcdef0, 16_384);
});
