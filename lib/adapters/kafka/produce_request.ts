import type { ProduceBatch, ProduceResult, RefusalCause } from "../../ports/output_log.ts";
import {
  isAccessDenied,
  isRetriableCode,
  isTooLarge,
  KAFKA_ERROR,
  kafkaErrorName,
} from "./error_codes.ts";
import { KAFKA_API, requestFrame } from "./kafka_api.ts";
import { viewOf } from "./record_set.ts";
import { WireReader } from "./wire_reader.ts";

/**
 * Writes produce requests of record batches that are already encoded, to one topic.
 *
 * Everything before the batches is the same for each request but three numbers, so it is made once;
 * a frame is that prefix and the batches, copied behind each other. Kafka takes at most one batch of
 * a partition in a request, but each may have its own producer id: one that is fenced fails alone.
 */
export class ProduceFrames {
  readonly #prefix: Uint8Array;
  readonly #prefixView: DataView;

  constructor(clientId: string, topic: string, ackTimeoutMs: number) {
    const prefix = requestFrame(KAFKA_API.produce, clientId, (writer) => {
      // No transactional id: the batches stand outside of transactions.
      writer.nullableString(null).int16(ACKS_ALL).int32(ackTimeoutMs);
      writer.int32(1).string(topic).int32(0);
    });
    this.#prefix = prefix;
    this.#prefixView = viewOf(prefix);
  }

  /** Bytes of the frame for these batches. */
  size(batches: readonly ProduceBatch[]): number {
    let bytes = this.#prefix.length;
    for (const batch of batches) bytes += PARTITION_HEADER_BYTES + batch.bytes.length;
    return bytes;
  }

  /** Writes the frame to the beginning of `buffer`, which is at least `size` long. */
  write(buffer: Uint8Array, batches: readonly ProduceBatch[]): Uint8Array {
    const size = this.size(batches);
    const frame = buffer.subarray(0, size);
    this.#prefixView.setInt32(0, size - 4);
    this.#prefixView.setInt32(this.#prefix.length - 4, batches.length);
    frame.set(this.#prefix, 0);
    const view = viewOf(frame);
    let at = this.#prefix.length;
    for (const { shard, bytes } of batches) {
      view.setInt32(at, shard);
      view.setInt32(at + 4, bytes.length);
      frame.set(bytes, at + PARTITION_HEADER_BYTES);
      at += PARTITION_HEADER_BYTES + bytes.length;
    }
    return frame;
  }
}

export interface ProduceAnswer {
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** @throws RangeError when the answer cannot be read. */
export function readProduce(
  payload: Uint8Array,
): { readonly answers: readonly ProduceAnswer[]; readonly throttleMs: number } {
  const reader = new WireReader(payload);
  const answers: ProduceAnswer[] = [];
  reader.array(() => {
    reader.string();
    reader.array(() => {
      const partition = reader.int32();
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.int64(); // log append time
      reader.int64(); // log start
      answers.push({ partition, errorCode, baseOffset });
    });
  });
  return { answers, throttleMs: reader.int32() };
}

/**
 * What the broker's answer means for a shard.
 *
 * A repeat of one of the last five batches is answered with 0 and its first offset, so code 0 is the
 * only success. 46 says "an older repeat", whose offset we do not know: the shard has to recover.
 */
export function produceResult(errorCode: number, baseOffset: number): ProduceResult {
  switch (errorCode) {
    case KAFKA_ERROR.none:
      return { kind: "acknowledged", baseOffset };
    case KAFKA_ERROR.outOfOrderSequence:
    case KAFKA_ERROR.duplicateSequence:
    case KAFKA_ERROR.unknownProducerId:
      return { kind: "out_of_order" };
    case KAFKA_ERROR.invalidProducerEpoch:
    case KAFKA_ERROR.producerFenced:
      return { kind: "fenced", reason: kafkaErrorName(errorCode) };
    default: {
      const reason = kafkaErrorName(errorCode);
      if (isRetriableCode(errorCode)) return { kind: "retriable", reason };
      return { kind: "rejected", cause: refusalCause(errorCode), reason };
    }
  }
}

function refusalCause(errorCode: number): RefusalCause {
  if (errorCode === KAFKA_ERROR.invalidTimestamp) return "timestamp";
  if (isTooLarge(errorCode)) return "too_large";
  return isAccessDenied(errorCode) ? "access" : "other";
}

const ACKS_ALL = -1;
const PARTITION_HEADER_BYTES = 8;
