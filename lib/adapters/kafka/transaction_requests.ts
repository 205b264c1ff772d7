import { KAFKA_ERROR } from "./error_codes.ts";
import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient, RequestTarget } from "./kafka_client.ts";
import { refusal } from "./kafka_fault.ts";
import type { TopicPartition } from "./partition_offsets.ts";
import { WireReader } from "./wire_reader.ts";

/** What the broker knows a producer by. A larger epoch of the same id fences the smaller ones. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly epoch: number;
}

/**
 * A producer id: for a transactional id always the same one, its epoch raised by each call; with
 * null one that nobody had before. @throws KafkaFault
 */
export async function initProducerId(
  client: KafkaClient,
  target: RequestTarget,
  transactionalId: string | null,
): Promise<ProducerIdentity> {
  return await client.request(target, {
    api: KAFKA_API.initProducerId,
    write: (writer) => writer.nullableString(transactionalId).int32(TRANSACTION_TIMEOUT_MS),
    read: (payload) => {
      const reader = new WireReader(payload);
      reader.int32(); // throttle time
      const errorCode = reader.int16();
      if (errorCode !== 0) throw refusal("Cannot get a producer id", errorCode);
      return { producerId: reader.int64(), epoch: reader.int16() };
    },
  });
}

/** Opens the transaction by naming the partition its marker is to reach. @throws KafkaFault */
export async function addPartitionToTransaction(
  client: KafkaClient,
  target: RequestTarget,
  transactionalId: string,
  { producerId, epoch }: ProducerIdentity,
  { topic, partition }: TopicPartition,
): Promise<void> {
  await client.request(target, {
    api: KAFKA_API.addPartitionsToTxn,
    write: (writer) =>
      writer.string(transactionalId).int64(producerId).int16(epoch)
        .int32(1).string(topic).int32(1).int32(partition),
    read: (payload) => {
      const reader = new WireReader(payload);
      reader.int32(); // throttle time
      let errorCode: number = KAFKA_ERROR.unknownTopicOrPartition;
      reader.array(() => {
        reader.string();
        reader.array(() => {
          reader.int32();
          errorCode = reader.int16();
        });
      });
      if (errorCode === 0) return;
      throw refusal(`Cannot add ${topic}-${partition} to a transaction`, errorCode);
    },
  });
}

/** Ends the transaction as aborted; the markers are written after the answer. @throws KafkaFault */
export async function abortTransaction(
  client: KafkaClient,
  target: RequestTarget,
  transactionalId: string,
  { producerId, epoch }: ProducerIdentity,
): Promise<void> {
  await client.request(target, {
    api: KAFKA_API.endTxn,
    write: (writer) => writer.string(transactionalId).int64(producerId).int16(epoch).int8(0),
    read: (payload) => {
      const reader = new WireReader(payload);
      reader.int32(); // throttle time
      const errorCode = reader.int16();
      if (errorCode !== 0) throw refusal("Cannot end a transaction", errorCode);
    },
  });
}

/** An empty transaction lives for milliseconds; one left open is aborted by the broker then. */
const TRANSACTION_TIMEOUT_MS = 60_000;
