import { assertEquals, assertRejects } from "@std/assert";
import { KAFKA_API } from "../../../lib/adapters/kafka/kafka_api.ts";
import { testFencing } from "../../../lib/adapters/kafka/fencing_self_test.ts";
import { ShardFence } from "../../../lib/adapters/kafka/shard_fence.ts";
import { SystemClock } from "../../../lib/adapters/system/clock.ts";
import { encodeRecordBatch } from "../../../lib/core/record_batch_encoder.ts";
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_TRANSACTIONAL,
} from "../../../lib/core/record_batch_layout.ts";
import { OutputLogError } from "../../../lib/ports/output_log.ts";
import { WireWriter } from "../../support/kafka/wire_bytes.ts";
import { fetchAnswer, NODE_ID, produceAnswer, ScriptedBroker } from "./scripted_broker.ts";
import { type TestClient, withClient } from "./test_client.ts";

/** A coordinator and a log of one partition `t-0`; tests break parts of it. */
class FencingBroker extends ScriptedBroker {
  readonly log: Uint8Array[] = [];
  end = 0;
  epoch = -1;
  producerId = 70;
  /** Ended transactions whose marker is lost. */
  markersToLose = 0;
  addPartitionsErrors: number[] = [];
  endErrors: number[] = [];
  produceError = 0;

  constructor() {
    super();
    this.topics = { t: [NODE_ID] };
    const answer = (api: { key: number }, make: () => WireWriter): void => {
      this.handlers.set(api.key, () => make().done());
    };
    answer(
      KAFKA_API.findCoordinator,
      () => new WireWriter().int32(0).int16(0).string(null).int32(NODE_ID).string("h").int32(1),
    );
    answer(KAFKA_API.initProducerId, () => {
      this.epoch += 1;
      return new WireWriter().int32(0).int16(0).int64(this.producerId).int16(this.epoch);
    });
    answer(
      KAFKA_API.listOffsets,
      () =>
        new WireWriter().int32(0).int32(1).string("t").int32(1)
          .int32(0).int16(0).int64(-1).int64(this.end),
    );
    answer(KAFKA_API.addPartitionsToTxn, () => {
      const error = this.addPartitionsErrors.shift() ?? 0;
      return new WireWriter().int32(0).int32(1).string("t").int32(1).int32(0).int16(error);
    });
    answer(KAFKA_API.endTxn, () => {
      const error = this.endErrors.shift() ?? 0;
      if (error === 0) this.#endTransaction();
      return new WireWriter().int32(0).int16(error);
    });
    this.handlers.set(KAFKA_API.fetch.key, ({ body }) => {
      body.raw(4 + 4 + 4 + 4 + 1 + 4 + 4 + 4);
      body.string();
      body.raw(4 + 4 + 4);
      const from = body.int64();
      const records = Uint8Array.from(this.log.slice(from).flatMap((batch) => [...batch]));
      return fetchAnswer("t", { partition: 0, end: this.end, records });
    });
    this.handlers.set(
      KAFKA_API.produce.key,
      () =>
        produceAnswer("t", [{ partition: 0, errorCode: this.produceError, baseOffset: this.end }]),
    );
  }

  append(producerId: number, epoch: number, isMarker: boolean): void {
    this.log.push(encodeRecordBatch({
      baseOffset: this.end,
      producerId,
      epoch,
      baseSequence: 0,
      attributes: isMarker ? ATTRIBUTE_CONTROL | ATTRIBUTE_TRANSACTIONAL : 0,
      records: [{ timestampMs: 0, key: new Uint8Array(4), value: null, headers: [] }],
    }));
    this.end += 1;
  }

  #endTransaction(): void {
    if (this.markersToLose > 0) this.markersToLose -= 1;
    else this.append(this.producerId, this.epoch, true);
  }
}

async function withFence(
  run: (broker: FencingBroker, fence: ShardFence, test: TestClient) => Promise<void>,
): Promise<void> {
  await using broker = new FencingBroker();
  const system = new SystemClock();
  // A hundred times as fast, so that nobody waits for a marker that does not come.
  const clock = {
    wallMs: () => system.wallMs(),
    monotonicMs: () => system.monotonicMs() * 100,
    wakeAfter: (delayMs: number, wake: () => void) => system.wakeAfter(delayMs / 100, wake),
  };
  await withClient(broker.bootstrap, async (test) => {
    test.client.watchTopic("t");
    assertEquals(await test.client.refreshMetadata(), null);
    await run(broker, new ShardFence(test.client, "t"), test);
  }, { clock, requestTimeoutMs: 600_000, connectTimeoutMs: 600_000 });
}

Deno.test("ShardFence.acquire() reads past older writers' batches to its own marker", async () => {
  await withFence(async (broker, fence) => {
    broker.append(1, 0, false);
    const addPartitions = broker.handlers.get(KAFKA_API.addPartitionsToTxn.key)!;
    broker.handlers.set(KAFKA_API.addPartitionsToTxn.key, (request) => {
      // Between ListOffsets and the marker: a zombie, another's marker, an older one of this id.
      broker.append(broker.producerId, broker.epoch - 1, false);
      broker.append(9, 0, true);
      broker.append(broker.producerId, broker.epoch - 1, true);
      return addPartitions(request);
    });
    assertEquals(await fence.acquire(0, "id"), {
      producerId: 70,
      epoch: 0,
      logStart: 0,
      end: 5,
    });
  });
});

Deno.test("ShardFence.acquire() ends the transaction again when its marker does not come", async () => {
  await withFence(async (broker, fence) => {
    broker.markersToLose = 1;
    assertEquals((await fence.acquire(0, "id")).epoch, 0);
    assertEquals(broker.countOf(KAFKA_API.endTxn.key), 2);
  });
});

Deno.test("ShardFence.acquire() starts over with a new epoch when no marker comes at all", async () => {
  await withFence(async (broker, fence, { lines }) => {
    broker.markersToLose = 2;
    assertEquals((await fence.acquire(0, "id")).epoch, 1);
    assertEquals(broker.countOf(KAFKA_API.initProducerId.key), 2);
    assertEquals(lines.length, 1);
  });
});

Deno.test("ShardFence.acquire() repeats what the coordinator is not ready for", async () => {
  await withFence(async (broker, fence) => {
    broker.addPartitionsErrors = [51, 16, 14];
    broker.endErrors = [51];
    assertEquals((await fence.acquire(0, "id")).end, 1);
  });
});

Deno.test("ShardFence.acquire() begins anew when the broker forgot the transaction", async () => {
  await withFence(async (broker, fence) => {
    broker.endErrors = [48];
    assertEquals((await fence.acquire(0, "id")).epoch, 1);
  });
});

for (const code of [47, 90]) {
  Deno.test(`ShardFence tells a newer owner by error ${code}`, async () => {
    await withFence(async (broker, fence) => {
      broker.addPartitionsErrors = [code];
      const acquiring = await assertRejects(() => fence.acquire(0, "id"), OutputLogError);
      assertEquals(acquiring.code, "fenced");
      const owner = await fence.acquire(0, "id");
      broker.endErrors = [code];
      const refreshing = await assertRejects(() => fence.refresh(0, "id", owner), OutputLogError);
      assertEquals(refreshing.code, "fenced");
    });
  });
}

const VERDICTS: readonly (readonly [what: string, produceError: number, works: boolean])[] = [
  ["refuses a fenced writer", 47, true],
  ["takes a fenced writer's batch", 0, false],
  ["minds only the sequence", 45, false],
];

for (const [what, produceError, works] of VERDICTS) {
  Deno.test(`testFencing() finds a broker that ${what} ${works ? "fit" : "unfit"}`, async () => {
    await withFence(async (broker, _fence, { client }) => {
      broker.produceError = produceError;
      assertEquals((await testFencing(client, "t", "app")).works, works);
    });
  });
}

Deno.test("testFencing() finds a broker unfit that gives an id another producer", async () => {
  await withFence(async (broker, _fence, { client }) => {
    const init = broker.handlers.get(KAFKA_API.initProducerId.key)!;
    broker.handlers.set(KAFKA_API.initProducerId.key, (request) => {
      broker.producerId += 1;
      return init(request);
    });
    assertEquals((await testFencing(client, "t", "app")).works, false);
  });
});

Deno.test("testFencing() tries again where the epochs of its id were used up in between", async () => {
  await withFence(async (broker, _fence, { client }) => {
    const init = broker.handlers.get(KAFKA_API.initProducerId.key)!;
    let calls = 0;
    broker.handlers.set(KAFKA_API.initProducerId.key, (request) => {
      // The broker goes on with another producer id then, from epoch 0.
      if (++calls === 2) {
        broker.producerId = 71;
        broker.epoch = -1;
      }
      return init(request);
    });
    const zombies: string[] = [];
    broker.handlers.set(KAFKA_API.produce.key, ({ body }) => {
      body.string();
      body.raw(2 + 4 + 4);
      body.string();
      body.raw(4 + 4 + 4 + PRODUCER_AT);
      zombies.push(`${body.int64()} ${body.int16()}`);
      return produceAnswer("t", [{ partition: 0, errorCode: 47, baseOffset: broker.end }]);
    });
    assertEquals((await testFencing(client, "t", "app")).works, true);
    assertEquals(calls, 4);
    // The older one of the second pair: the first pair shares no producer id.
    assertEquals(zombies, ["71 1"]);
  });
});

/** Producer id and epoch in a record batch. */
const PRODUCER_AT = 43;
