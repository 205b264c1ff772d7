import { assertEquals } from "@std/assert";
import { KAFKA_API } from "../../../lib/adapters/kafka/kafka_api.ts";
import { WireReader } from "../../../lib/adapters/kafka/wire_reader.ts";
import type { WireWriter } from "../../../lib/adapters/kafka/wire_writer.ts";
import { SystemClock } from "../../../lib/adapters/system/clock.ts";
import { ScriptedBroker } from "./scripted_broker.ts";
import { until, withClient } from "./test_client.ts";

const METADATA = KAFKA_API.metadata.key;

Deno.test("KafkaClient looks for brokers that are away until one answers, and says so", async () => {
  await using broker = new ScriptedBroker();
  await withClient(broker.bootstrap, async ({ client, reachable }) => {
    assertEquals(await client.refreshMetadata(), null);
    broker.handlers.set(METADATA, () => "close");
    await client.refreshMetadata();
    assertEquals(reachable, [true, false]);
    // Nobody but the client itself asks from here on.
    const asked = broker.countOf(METADATA);
    await until(() => broker.countOf(METADATA) > asked + 1, "two more questions");
    assertEquals(reachable, [true, false]);

    broker.handlers.delete(METADATA);
    await until(() => reachable.at(-1) === true, "the brokers to be back");
    assertEquals(reachable, [true, false, true]);
  });
});

Deno.test("KafkaClient answers those who start together with one look at the topics", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { events: [1], sessions: [1] };
  const clock = new StandingClock();
  await withClient(broker.bootstrap, async ({ client }) => {
    client.watchTopic("sessions");
    assertEquals(await client.lookUpTopics(["events"]), null);
    assertEquals(await client.lookUpTopics(["events", "sessions"]), null);
    assertEquals(broker.countOf(METADATA), 1);

    // What is not there may have come since.
    assertEquals(await client.lookUpTopics(["events", "dead-letters"]), null);
    assertEquals(broker.countOf(METADATA), 2);

    clock.nowMs += 101;
    assertEquals(await client.lookUpTopics(["events"]), null);
    assertEquals(broker.countOf(METADATA), 3);
  }, { clock });
});

Deno.test("KafkaClient asks the next broker where the first says nothing, and closes nothing for it", async () => {
  await using silent = new ScriptedBroker();
  await using other = new ScriptedBroker(6);
  silent.handlers.set(METADATA, () => null);
  await withClient(silent.bootstrap, async ({ client, reachable }) => {
    assertEquals(await client.refreshMetadata(), null);
    assertEquals([client.nodeIds, reachable], [[6], [true]]);
    assertEquals([silent.countOf(METADATA), other.countOf(METADATA)], [1, 1]);
  }, { brokers: [silent.bootstrap, other.bootstrap], ...HASTY });
});

Deno.test("KafkaClient asks a broker that owes it an answer after all others", async () => {
  await using silent = new ScriptedBroker();
  await using other = new ScriptedBroker(6);
  silent.peers = [other];
  other.peers = [silent];
  await withClient(silent.bootstrap, async ({ client }) => {
    assertEquals(await client.refreshMetadata(), null);
    assertEquals([...client.nodeIds].sort(), [5, 6]);
    // Its host has vanished: nothing comes any more, and nothing breaks either.
    silent.handlers.set(METADATA, () => null);
    assertEquals(await client.refreshMetadata(), null);
    const asked = silent.countOf(METADATA);
    assertEquals(asked, 2);
    assertEquals(await client.refreshMetadata(), null);
    assertEquals(await client.requestAny(ANY_METADATA), 0);
    assertEquals([silent.countOf(METADATA), other.countOf(METADATA)], [asked, 3]);
  }, HASTY);
});

/** Whoever waits for a request to time out waits longer than the test may take. */
const HASTY = { metadataPatienceMs: 30, requestTimeoutMs: 600_000 };
const ANY_METADATA = {
  api: KAFKA_API.metadata,
  write: (writer: WireWriter) => writer.int32(0).int8(0),
  read: (payload: Uint8Array) => new WireReader(payload).int32(),
};

/** The monotonic time is the test's; timers go by the real one. */
class StandingClock extends SystemClock {
  nowMs = 1_000;

  override monotonicMs(): number {
    return this.nowMs;
  }
}
