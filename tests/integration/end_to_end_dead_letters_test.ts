import { assert, assertEquals, assertGreater } from "@std/assert";
import { REJECT_REASONS } from "../../lib/core/reject_reason.ts";
import { BAD_INPUTS } from "../support/bad_input_corpus.ts";
import { encoder, GOOD } from "../support/bad_input.ts";
import { deploy } from "../support/end_to_end/deployment.ts";
import { kcatProduceBytes } from "../support/end_to_end/kcat_files.ts";
import { withProgram } from "../support/end_to_end/running_program.ts";
import { readTopic } from "../support/end_to_end/topic_records.ts";
import { kcatConsume, kcatProduce } from "../support/kafka/kcat.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";
import { fetchRecordSets } from "../support/kafka/topics.ts";

/** A record as it was produced, and what it should be taken for. */
interface Arrival {
  readonly name: string;
  readonly outcome: string;
  readonly value: Uint8Array | null;
  readonly key?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

const TRACE: readonly (readonly [string, string])[] = [["trace", "t-1"], ["trace", "again"], [
  "empty",
  "",
]];
const THOUSAND_HEADERS = Array.from(
  { length: 1_000 },
  (_, i) => [`header-${i}`, `value of ${i}`] as const,
);
const MEGABYTE = 1 << 20;

const HUGE: Arrival = {
  name: "10 MB of a good event and spaces",
  outcome: "too_large",
  value: encoder.encode(GOOD + " ".repeat(10 * MEGABYTE - GOOD.length)),
  key: "huge",
  headers: TRACE,
};

/** By partition of the input, in order. */
const ARRIVALS: readonly (readonly Arrival[])[] = [
  BAD_INPUTS.filter(({ bytes }) => bytes.length > 0).map(({ name, outcome, bytes }) => ({
    name,
    outcome,
    value: bytes,
    key: "of the corpus",
    headers: TRACE,
  })),
  [
    HUGE,
    { name: "no value", outcome: "null", value: null, key: "tombstone" },
    {
      name: "1,000 headers",
      outcome: "not_json",
      value: encoder.encode("{"),
      headers: THOUSAND_HEADERS,
    },
    { name: "no key and no headers", outcome: "not_object", value: encoder.encode("[]") },
    {
      name: "1,000 headers of a good event",
      outcome: "start",
      value: encoder.encode('{"type":"start","deviceId":"after all that","sessionId":7}'),
      headers: THOUSAND_HEADERS,
    },
  ],
];

brokerTest(
  "Whatever arrives goes to the dead letters whole, with the reason, and processing goes on",
  async ({ bootstrap }) => {
    await using deployment = await deploy(bootstrap, {
      inputPartitions: ARRIVALS.length,
      inputConfig: { "max.message.bytes": String(20 * MEGABYTE) },
      // As `topics create` makes it: large enough for all but the record of 10 MB.
      deadLetterConfig: { "max.message.bytes": String(2 * MEGABYTE) },
    });
    const [topic] = deployment.inputs;
    await Promise.all(
      ARRIVALS.map((arrivals, partition) => produce(bootstrap, topic!, partition, arrivals)),
    );
    const all = ARRIVALS.flat();
    const rejected = all.filter(({ outcome }) => isReason(outcome));

    await withProgram(deployment, async (program) => {
      await program.ready();
      await program.until(
        "the session of the good event after all that",
        async () => (await program.get("/v1/devices/after%20all%20that")).status === 200,
      );
      const metrics = await program.untilMetrics(
        "all of the input to be taken",
        (it) => it.count("input_lag_records") > 0 && it.sum("input_lag_records") === 0,
      );
      for (const reason of REJECT_REASONS) {
        const count = rejected.filter(({ outcome }) => outcome === reason).length;
        assertEquals(metrics.sum("events_rejected_total", { reason }), count, reason);
      }
      const countOf = (...outcomes: string[]) =>
        all.filter(({ outcome }) => outcomes.includes(outcome)).length;
      const eventsOf = (type: string) => metrics.sum("events_total", { type });
      assertEquals(eventsOf("start"), countOf("start"));
      assertEquals(eventsOf("end"), countOf("end"));
      const lettersOf = (outcome: string) => metrics.sum("dead_letters_total", { outcome });
      assertEquals([lettersOf("sent"), lettersOf("truncated"), lettersOf("given_up")], [
        rejected.length,
        1,
        0,
      ]);
      assertEquals((await program.get("/livez")).status, 200);
      assertEquals(await program.terminate(), 0);
    });
    await checkLetters(bootstrap, topic!, deployment.deadLetters, rejected.length);
  },
);

brokerTest(
  "A batch that would fill the memory is one dead letter, and processing goes on",
  async ({ bootstrap }) => {
    await using deployment = await deploy(bootstrap, { inputPartitions: 1 });
    const [topic] = deployment.inputs;
    const start = (deviceId: string) => JSON.stringify({ type: "start", deviceId, sessionId: 1 });
    const onPartition = { partition: 0 };
    await kcatProduce(bootstrap, topic!, [{ value: start("before") }], onPartition);
    const bomb = new Uint8Array(70 * MEGABYTE);
    await kcatProduceBytes(bootstrap, topic!, [bomb], { ...onPartition, codec: "gzip" });
    await kcatProduce(bootstrap, topic!, [{ value: start("after") }], onPartition);
    await withProgram(deployment, async (program) => {
      await program.ready();
      await program.untilMetrics("both sessions", (it) => it.sum("sessions_active") === 2);
      assertEquals(await program.terminate(), 0);
    });
    const letters = await readTopic(bootstrap, deployment.deadLetters);
    assertEquals(letters.length, 1);
    const headers = Object.fromEntries(pairs(letters[0]!.headers));
    assertEquals([
      headers["sw-dlq-reason"],
      headers["sw-dlq-topic"],
      headers["sw-dlq-partition"],
      headers["sw-dlq-offset"],
      headers["sw-dlq-count"],
    ], ["undecodable", topic, "0", "1", "1"]);
    // The batch as it lay on the broker, still compressed.
    const [letter] = await kcatConsume(bootstrap, deployment.deadLetters);
    const [batch] = await fetchRecordSets(bootstrap, topic!, { from: 1 });
    const size = new DataView(batch!.buffer, batch!.byteOffset).getInt32(8) + 12;
    assert(isSame(letter!.valueBytes!, batch!.subarray(0, size)), "the batch is another");
  },
);

async function checkLetters(
  bootstrap: string,
  topic: string,
  deadLetters: string,
  count: number,
): Promise<void> {
  // kcat tells bytes of keys and values in one form, and headers with commas in the other.
  const bytes = await kcatConsume(bootstrap, deadLetters);
  const texts = await readTopic(bootstrap, deadLetters);
  assertEquals([bytes.length, texts.length], [count, count]);
  const timestamps = new Map(
    (await readTopic(bootstrap, topic)).map((it) => [`${it.partition}/${it.offset}`, it]),
  );
  const seen = new Set<string>();
  for (const [index, { valueBytes, key, timestampMs }] of bytes.entries()) {
    const headers = texts[index]!.headers;
    const ownFrom = headers.indexOf("sw-dlq-reason");
    const own = Object.fromEntries(pairs(headers.slice(ownFrom)));
    const { "sw-dlq-partition": partition, "sw-dlq-offset": offset } = own;
    const source = `${partition}/${offset}`;
    seen.add(source);
    const arrival = ARRIVALS[Number(partition)]![Number(offset)]!;
    const { name, outcome, value } = arrival;
    assertEquals(own["sw-dlq-topic"], topic, name);
    assertEquals(own["sw-dlq-reason"], outcome, name);
    assert(own["sw-dlq-detail"] !== undefined, name);
    assertEquals(pairs(headers.slice(0, ownFrom)), [...arrival.headers ?? []], name);
    assertEquals(key, arrival.key ?? null, name);
    assertEquals(timestampMs, timestamps.get(source)!.timestampMs, name);
    const isCut = arrival === HUGE;
    assertEquals(own["sw-dlq-truncated"], isCut ? "true" : undefined, name);
    if (isCut) assertGreater(valueBytes!.length, MEGABYTE);
    const wanted = isCut ? value!.subarray(0, valueBytes!.length) : value!;
    assert(isSame(valueBytes!, wanted), `the value of ${name} is another`);
  }
  assertEquals(seen.size, count);
}

/** In order; kcat takes one key and one set of headers a call. */
async function produce(
  bootstrap: string,
  topic: string,
  partition: number,
  arrivals: readonly Arrival[],
): Promise<void> {
  for (let from = 0; from < arrivals.length;) {
    const { key, headers, value } = arrivals[from]!;
    let to = from + 1;
    if (value === null) {
      await kcatProduce(bootstrap, topic, [{ key: key ?? null, value }], { partition });
    } else {
      const values = [value];
      for (
        let next = arrivals[to];
        next?.value && next.headers === headers;
        next = arrivals[++to]
      ) {
        if (next.key !== key) break;
        values.push(next.value);
      }
      await kcatProduceBytes(bootstrap, topic, values, {
        partition,
        ...(key === undefined ? {} : { key }),
        ...(headers === undefined ? {} : { headers }),
      });
    }
    from = to;
  }
}

function isReason(outcome: string): boolean {
  return (REJECT_REASONS as readonly string[]).includes(outcome);
}

function pairs(headers: readonly string[]): (readonly [string, string])[] {
  return Array.from(
    { length: headers.length / 2 },
    (_, i) => [headers[2 * i]!, headers[2 * i + 1]!] as const,
  );
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
