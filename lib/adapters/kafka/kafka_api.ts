import { WireWriter } from "./wire_writer.ts";

/** A request of the Kafka protocol in the one version this program speaks. */
export interface KafkaApi {
  readonly key: number;
  readonly version: number;
  readonly name: string;
}

/**
 * Every request we send. Fixed versions: what a broker of 2.4 up to 4.x understands, all
 * older than the tagged fields of KIP-482. A connection to a broker that lacks one is refused.
 */
export const KAFKA_API = {
  produce: { key: 0, version: 7, name: "Produce" },
  fetch: { key: 1, version: 11, name: "Fetch" },
  listOffsets: { key: 2, version: 2, name: "ListOffsets" },
  metadata: { key: 3, version: 5, name: "Metadata" },
  offsetCommit: { key: 8, version: 3, name: "OffsetCommit" },
  offsetFetch: { key: 9, version: 3, name: "OffsetFetch" },
  findCoordinator: { key: 10, version: 1, name: "FindCoordinator" },
  createTopics: { key: 19, version: 4, name: "CreateTopics" },
  initProducerId: { key: 22, version: 1, name: "InitProducerId" },
  addPartitionsToTxn: { key: 24, version: 1, name: "AddPartitionsToTxn" },
  endTxn: { key: 26, version: 1, name: "EndTxn" },
  describeConfigs: { key: 32, version: 1, name: "DescribeConfigs" },
} as const satisfies Record<string, KafkaApi>;

/** Where the correlation id lies in a frame: after size, API key and version. */
export const CORRELATION_ID_AT = 8;

/**
 * A whole request, size and header included; the connection fills in the correlation id when it
 * sends.
 */
export function requestFrame(
  api: KafkaApi,
  clientId: string,
  writeBody: (writer: WireWriter) => void,
  capacity = 256,
): Uint8Array {
  const writer = new WireWriter(capacity);
  writer.int32(0).int16(api.key).int16(api.version).int32(0).string(clientId);
  writeBody(writer);
  writer.patchInt32(0, writer.length - 4);
  return writer.finish();
}
