/**
 * A heartbeat from end to end through the core: the wheel finds the row, the shard decides, the
 * layout renders, the batch is closed with its position and checksum, at 50 thousand, one and four
 * million sessions on 16 shards. Rounds are as long as it takes for batches of about 40 records,
 * which at four million is the engine's own 5 ms; the first figure of the smallest number is with
 * rounds of 5 ms as well, where a batch holds one record or none.
 *
 * Run: `deno run -A tests/bench/heartbeat_bench.ts [sessions …]`.
 */
import { BatchBuilder } from "../../lib/core/batch_builder.ts";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import type { RecordSink } from "../../lib/core/record_sink.ts";
import type { Shard } from "../../lib/core/shard.ts";
import { copyFloorNs, figure, heading, onceNs, readFloorNs } from "./measure.ts";
import { HEARTBEAT_MS, NullSink, START_MS, startSessions } from "./session_source.ts";

const RECORDS_A_BATCH = 40;
const ENGINE_ROUND_MS = 5;
const BYTES_MS = 1000;
/** Of a session in rows, index and wheel, where pages are full. */
const SESSION_BYTES = 114;
/** So many heartbeats at least, over all intervals, or the compiler is measured. */
const HEARTBEATS_MIN = 1_500_000;
/** As many as a position with 16 inputs takes. */
const position = new Uint8Array(180).fill(42);

/** Rounds from `fromMs` for `lengthMs` of the shards' time; returns the heartbeats made. */
type Rounds = (
  shards: readonly Shard[],
  fromMs: number,
  lengthMs: number,
  roundMs: number,
) => number;

const wheelOnly: Rounds = (shards, fromMs, lengthMs, roundMs) => {
  const sink = new NullSink();
  inRounds(shards, [fromMs, lengthMs, roundMs], sink, () => {});
  return sink.records;
};

function rendering(isClosed: boolean): Rounds {
  const builder = new BatchBuilder(new PlainRecordLayout(), 1 << 20);
  return (shards, fromMs, lengthMs, roundMs) => {
    let records = 0;
    inRounds(shards, [fromMs, lengthMs, roundMs], builder, (nowMs) => {
      if (builder.count > 0) {
        records += builder.count;
        if (isClosed) builder.finish(1, 0, 0, position, position.length);
      }
      builder.begin(nowMs);
    });
    return records;
  };
}

function inRounds(
  shards: readonly Shard[],
  [fromMs, lengthMs, roundMs]: readonly [number, number, number],
  sink: RecordSink,
  close: (nowMs: number) => void,
): void {
  close(fromMs);
  for (let nowMs = fromMs; nowMs < fromMs + lengthMs; nowMs += roundMs) {
    for (const shard of shards) {
      shard.advance(nowMs, nowMs, sink);
      close(nowMs);
    }
  }
}

function bench(sessions: number, shuffled: boolean): number {
  const name = `${sessions.toLocaleString("en-US")} sessions, ` +
    (shuffled ? "rows scattered" : "rows in order");
  const { shards, decodeNs, applyNs, eventBytes } = startSessions(sessions, shuffled);
  const roundMs = Math.max(
    1,
    Math.round(RECORDS_A_BATCH * shards.length * HEARTBEAT_MS / sessions),
  );
  let nowMs = START_MS + HEARTBEAT_MS;
  // Half an interval of everything first: the compiler has to have seen it.
  rendering(true)(shards, nowMs, HEARTBEAT_MS / 2, roundMs);
  nowMs += HEARTBEAT_MS / 2;
  // Slices of passes through all sessions: each meets rows that no cache holds, where they are many.
  const kinds: readonly Rounds[] = [wheelOnly, rendering(false), rendering(true)];
  const least = [Infinity, Infinity, Infinity];
  const intervals = Math.min(50, Math.max(1, Math.ceil(HEARTBEATS_MIN / sessions)));
  const slices = 5;
  const sliceMs = HEARTBEAT_MS * intervals / (slices * kinds.length);
  for (let slice = 0; slice < slices; slice++) {
    kinds.forEach((run, i) => {
      least[i] = Math.min(least[i]!, onceNs(() => run(shards, nowMs, sliceMs, roundMs)));
      nowMs += sliceMs;
    });
  }
  if (roundMs > 10 * ENGINE_ROUND_MS) {
    const run = rendering(true);
    const short = onceNs(() => run(shards, nowMs, HEARTBEAT_MS, ENGINE_ROUND_MS));
    nowMs += HEARTBEAT_MS;
    const bytes = bytesOfRecord(shards, nowMs, ENGINE_ROUND_MS);
    nowMs += BYTES_MS;
    const copying = { value: copyFloorNs(bytes), of: `copying its ${bytes} bytes` };
    figure(`${name}: a heartbeat in rounds of ${ENGINE_ROUND_MS} ms`, short, "ns", copying);
  }
  const bytes = bytesOfRecord(shards, nowMs, roundMs);
  const copying = { value: copyFloorNs(bytes), of: `copying its ${bytes} bytes` };
  const held = shards.reduce((sum, shard) => sum + shard.byteLength, 0) / sessions;
  const reading = {
    value: readFloorNs(sessions, SESSION_BYTES, { isScattered: shuffled }),
    of: `one read of its ${SESSION_BYTES} bytes`,
  };
  figure(`${name}: a heartbeat, whole`, least[2]!, "ns", copying);
  figure(`${name}: wheel and state alone`, least[0]!, "ns", reading);
  figure(`${name}: with rendering, batch not closed`, least[1]!, "ns", copying);
  figure(`${name}: a start, decoding`, decodeNs, "ns", {
    value: copyFloorNs(eventBytes),
    of: `copying its ${eventBytes} bytes`,
  });
  figure(`${name}: a start, applying`, applyNs, "ns", reading);
  figure(`${name}: memory a session`, held, "bytes", {
    value: 16 * 3 + 8 * 3,
    of: "ids, three instants",
  });
  return least[2]!;
}

/** `BYTES_MS` more; the bytes of a record, its share of the batch's header included. */
function bytesOfRecord(shards: readonly Shard[], fromMs: number, roundMs: number): number {
  const builder = new BatchBuilder(new PlainRecordLayout(), 1 << 20);
  let records = 0;
  let bytes = 0;
  inRounds(shards, [fromMs, BYTES_MS, roundMs], builder, (nowMs) => {
    if (builder.count > 0) {
      records += builder.count;
      bytes += builder.finish(1, 0, 0, position, position.length).length;
    }
    builder.begin(nowMs);
  });
  return Math.round(bytes / Math.max(1, records));
}

await heading("Heartbeats");
const sizes = Deno.args.map(Number).filter((n) => n > 0);
if (sizes.length === 0) sizes.push(50_000, 1_000_000, 4_000_000);
const nanoseconds = sizes.map((sessions) => {
  const scattered = bench(sessions, true);
  if (sessions === sizes[sizes.length - 1]) bench(sessions, false);
  return scattered;
});
figure("largest number of sessions to smallest", nanoseconds.at(-1)! / nanoseconds[0]!, "times", {
  value: 1,
  of: "no difference",
});
