import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { FastProducer } from "../../../lib/adapters/kafka/fast_producer.ts";
import { KAFKA_API } from "../../../lib/adapters/kafka/kafka_api.ts";
import type { ProduceBatch, ProduceResult } from "../../../lib/ports/output_log.ts";
import { NODE_ID, produceAnswer, ScriptedBroker } from "./scripted_broker.ts";
import { until, withClient } from "./test_client.ts";

const PRODUCE = KAFKA_API.produce.key;

function batch(shard: number, bytes = 100): ProduceBatch {
  return { shard, bytes: new Uint8Array(bytes).fill(shard) };
}

type Results = (readonly [shard: number, result: ProduceResult])[];

async function withProducer(
  broker: ScriptedBroker,
  run: (produce: (...batches: ProduceBatch[]) => Promise<Results>) => Promise<void>,
): Promise<void> {
  await withClient(broker.bootstrap, async ({ client }) => {
    client.watchTopic("t");
    assertEquals(await client.refreshMetadata(), null);
    const producer = new FastProducer(client, "t");
    await run(async (...batches) => {
      const results: Results = [];
      producer.produce(batches, (shard, result) => results.push([shard, result]));
      assertEquals(results, [], "a result from inside the call");
      await until(() => results.length === batches.length, "every result");
      return results;
    });
  });
}

Deno.test("FastProducer sends all batches of a broker in one request, as they are", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID, NODE_ID, NODE_ID] };
  const seen: unknown[] = [];
  broker.handlers.set(PRODUCE, ({ body }) => {
    seen.push([body.string(), body.int16(), body.int32()]);
    const parts = body.array((
      r,
    ) => [r.string(), r.array((r) => [r.int32(), r.bytesOrNull()!.slice()])]);
    seen.push(parts);
    return produceAnswer(
      "t",
      [2, 0].map((partition) => ({ partition, baseOffset: partition + 10 })),
    );
  });
  await withProducer(broker, async (produce) => {
    assertEquals(await produce(batch(0), batch(2)), [
      [2, { kind: "acknowledged", baseOffset: 12 }],
      [0, { kind: "acknowledged", baseOffset: 10 }],
    ]);
  });
  assertEquals(seen, [
    [null, -1, 20_000],
    [["t", [[0, batch(0).bytes], [2, batch(2).bytes]]]],
  ]);
});

Deno.test("FastProducer cuts requests at a megabyte and at a shard's second batch", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID, NODE_ID] };
  const requests: number[][] = [];
  broker.handlers.set(PRODUCE, ({ body }) => {
    body.raw(2 + 2 + 4);
    const [shards] = body.array((r) => {
      r.string();
      return r.array((r) => [r.int32(), r.bytesOrNull()][0] as number);
    });
    requests.push(shards!);
    return produceAnswer("t", shards!.map((partition) => ({ partition, baseOffset: 0 })));
  });
  await withProducer(broker, async (produce) => {
    await produce(batch(0), batch(1), batch(0), batch(1));
    await produce(batch(0, 600_000), batch(1, 600_000));
  });
  assertEquals(requests, [[0, 1], [0, 1], [0], [1]]);
});

const MEANINGS: readonly (readonly [code: number, kind: ProduceResult["kind"]])[] = [
  [-1, "retriable"],
  [2, "rejected"],
  [3, "retriable"],
  [5, "retriable"],
  [6, "retriable"],
  [7, "retriable"],
  [10, "rejected"],
  [19, "retriable"],
  [20, "retriable"],
  [29, "rejected"],
  [32, "rejected"],
  [45, "out_of_order"],
  [46, "out_of_order"],
  [47, "fenced"],
  [48, "rejected"],
  [56, "retriable"],
  [59, "out_of_order"],
  [87, "rejected"],
  [90, "fenced"],
  [1234, "rejected"],
];

Deno.test("FastProducer tells each error of a partition from the others", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: MEANINGS.map(() => NODE_ID) };
  broker.handlers.set(
    PRODUCE,
    () => produceAnswer("t", MEANINGS.map(([errorCode], partition) => ({ partition, errorCode }))),
  );
  await withProducer(broker, async (produce) => {
    const results = await produce(...MEANINGS.map((_, shard) => batch(shard)));
    const kinds = results.toSorted(([a], [b]) => a - b).map(([shard, { kind }]) => [
      MEANINGS[shard]![0],
      kind,
    ]);
    assertEquals(kinds, MEANINGS.map(([code, kind]) => [code, kind]));
  });
});

Deno.test("FastProducer calls an unknown outcome retriable, each batch once", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID, NODE_ID, -1] };
  const answers = ["close", new Uint8Array(3), produceAnswer("t", [])] as const;
  let asked = 0;
  broker.handlers.set(PRODUCE, () => answers[asked++]!);
  await withProducer(broker, async (produce) => {
    for (let round = 0; round < answers.length; round += 1) {
      const results = await produce(batch(0), batch(1), batch(2));
      assertEquals(results.map(([shard]) => shard).sort(), [0, 1, 2]);
      assertEquals(new Set(results.map(([, { kind }]) => kind)), new Set(["retriable"]));
    }
  });
  assertEquals(asked, 3);
});

Deno.test("FastProducer gives up on a broker that does not answer", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  broker.handlers.set(PRODUCE, () => null);
  let monotonicMs = 0;
  const { SystemClock } = await import("../../../lib/adapters/system/clock.ts");
  const system = new SystemClock();
  const clock = {
    wallMs: () => system.wallMs(),
    monotonicMs: () => system.monotonicMs() + monotonicMs,
    wakeAfter: (delayMs: number, wake: () => void) => system.wakeAfter(Math.min(delayMs, 5), wake),
  };
  await withClient(broker.bootstrap, async ({ client }) => {
    client.watchTopic("t");
    await client.refreshMetadata();
    const producer = new FastProducer(client, "t");
    const results: ProduceResult[] = [];
    producer.produce([batch(0)], (_, result) => results.push(result));
    await until(() => broker.countOf(PRODUCE) === 1, "the request");
    monotonicMs += 36_000;
    await until(() => results.length === 1, "the result");
    assertEquals(results[0]!.kind, "retriable");
    assertStringIncludes((results[0] as { reason: string }).reason, "No answer from broker");
  }, { clock });
});

Deno.test("FastProducer holds requests back for as long as the broker asks", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  const times: number[] = [];
  broker.handlers.set(PRODUCE, () => {
    times.push(performance.now());
    return produceAnswer("t", [{ partition: 0, baseOffset: 0 }], times.length === 1 ? 200 : 0);
  });
  await withProducer(broker, async (produce) => {
    await produce(batch(0));
    await produce(batch(0));
  });
  assert(times[1]! - times[0]! >= 190, `${times[1]! - times[0]!} ms`);
});
