import { assertEquals } from "@std/assert";
import { KAFKA_API } from "../../../lib/adapters/kafka/kafka_api.ts";
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
