import { pause } from "../kafka/broker_process.ts";
import { topicEnds } from "../kafka/topics.ts";
import { WireWriter } from "../kafka/wire_bytes.ts";
import { WireClient } from "../kafka/wire_client.ts";

const CREATE_PARTITIONS = 37;

/** What an operator may do to a topic on a slow day: gives it `partitions` in all. */
export async function addPartitions(
  bootstrap: string,
  topic: string,
  partitions: number,
): Promise<void> {
  await using client = await WireClient.connect(bootstrap);
  // No assignment of our own, wait for it, do it.
  const body = new WireWriter()
    .array([topic], (w, name) => w.string(name).int32(partitions).int32(-1))
    .int32(30_000).int8(0).done();
  const answer = await client.request(CREATE_PARTITIONS, 1, body);
  answer.int32(); // throttle time
  answer.array((r) => {
    const name = r.string();
    const error = r.int16();
    if (error !== 0) throw new Error(`Cannot add partitions to ${name}: error ${error}`);
  });
  for (let waitedMs = 0;; waitedMs += 20) {
    const isThere = await topicEnds(bootstrap, topic, partitions).then(() => true, () => false);
    if (isThere) return;
    if (waitedMs > 15_000) throw new Error(`The new partitions of ${topic} do not come`);
    await pause(20);
  }
}
