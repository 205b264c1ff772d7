import { KAFKA_API, requestFrame } from "./kafka_api.ts";
import { WireReader } from "./wire_reader.ts";

/** What a broker says about the cluster and some of its topics. */
export interface ClusterMetadata {
  readonly brokers: readonly BrokerAddress[];
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly topics: readonly TopicMetadata[];
}

export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export interface TopicMetadata {
  /** 0, or why the broker has nothing to say about the topic. */
  readonly errorCode: number;
  readonly name: string;
  /** Ordered by partition number, without gaps. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface PartitionMetadata {
  readonly errorCode: number;
  readonly partition: number;
  /** Node id, or -1 while there is none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

/** Asks about the named topics without creating them; with none named, about the brokers alone. */
export function metadataFrame(clientId: string, topics: readonly string[]): Uint8Array {
  return requestFrame(KAFKA_API.metadata, clientId, (writer) => {
    writer.array(topics, (topic) => writer.string(topic)).int8(0);
  });
}

export function readMetadata(payload: Uint8Array): ClusterMetadata {
  const reader = new WireReader(payload);
  reader.int32(); // throttle time
  const brokers = reader.array(() => {
    const broker = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() };
    reader.nullableString(); // rack
    return broker;
  });
  const clusterId = reader.nullableString();
  const controllerId = reader.int32();
  const topics = reader.array(() => {
    const errorCode = reader.int16();
    const name = reader.string();
    reader.boolean(); // internal
    const partitions = reader.array(() => readPartition(reader));
    partitions.sort((a, b) => a.partition - b.partition);
    return { errorCode, name, partitions };
  });
  return { brokers, clusterId, controllerId, topics };
}

function readPartition(reader: WireReader): PartitionMetadata {
  const partition = {
    errorCode: reader.int16(),
    partition: reader.int32(),
    leader: reader.int32(),
    replicas: reader.array(() => reader.int32()),
    inSyncReplicas: reader.array(() => reader.int32()),
  };
  reader.array(() => reader.int32()); // offline replicas
  return partition;
}
