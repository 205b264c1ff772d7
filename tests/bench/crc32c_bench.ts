/**
 * CRC-32C over the sizes that occur: a key, a record, a heartbeat, a batch, a full fetch.
 *
 * Run: `deno run -A tests/bench/crc32c_bench.ts`.
 */
import { crc32c } from "../../lib/core/crc32c.ts";
import { figure, heading, leastNs, sumFloorNs } from "./measure.ts";

const FETCH_BYTES = 1_000_000;
const bytes = Uint8Array.from(
  { length: FETCH_BYTES + 3 },
  (_, i) => Math.imul(i, 2654435761) >>> 13,
);

await heading("CRC-32C");
for (const length of [64, 200, 470, 16_384, FETCH_BYTES]) {
  const times = Math.ceil(100_000 / length);
  let sum = 0;
  const whole = leastNs(() => {
    // Where a record lies in a fetch, words do not begin.
    for (let i = 0; i < times; i++) sum ^= crc32c(bytes, 3, 3 + length, sum);
    return times;
  });
  figure(`the checksum of ${length} bytes, ${(whole / length).toFixed(2)} ns each`, whole, "ns", {
    value: sumFloorNs(length),
    of: "summing them as 32-bit words",
  });
}
