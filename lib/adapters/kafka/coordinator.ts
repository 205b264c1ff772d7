import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { refusal } from "./kafka_fault.ts";
import { WireReader } from "./wire_reader.ts";

export type CoordinatorKind = "group" | "transaction";

/**
 * Node id of the broker that coordinates a group or a transactional id.
 * @throws KafkaFault retryable while there is none
 */
export async function findCoordinator(
  client: KafkaClient,
  kind: CoordinatorKind,
  key: string,
): Promise<number> {
  const nodeId = await client.requestAny({
    api: KAFKA_API.findCoordinator,
    write: (writer) => writer.string(key).int8(kind === "group" ? 0 : 1),
    read: (payload) => {
      const reader = new WireReader(payload);
      reader.int32(); // throttle time
      const errorCode = reader.int16();
      reader.nullableString(); // message
      if (errorCode !== 0) throw refusal(`Cannot find the coordinator of ${key}`, errorCode);
      return reader.int32();
    },
  });
  // A broker that came up a moment ago may not be in our metadata yet.
  if (!client.nodeIds.includes(nodeId)) await client.refreshMetadata();
  return nodeId;
}
