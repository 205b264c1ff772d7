import { SourceError } from "../../ports/source.ts";
import { kafkaErrorName } from "./error_codes.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";
import type { PartitionFetch } from "./partition_fetch.ts";
import { listOffsets } from "./partition_offsets.ts";

/** A fault as the port's error; anything else as it is. */
export function sourceError(what: string, error: unknown): unknown {
  if (!(error instanceof KafkaFault)) return error;
  return new SourceError(`${what}: ${error.message}`, {
    code: error.accessDenied ? "access_denied" : "other",
    retryable: error.retryable,
    cause: error,
  });
}

export function accessDeniedError(
  { topic, partition, index }: PartitionFetch,
  errorCode: number,
): SourceError {
  return new SourceError(`Cannot fetch ${topic}-${partition}: ${kafkaErrorName(errorCode)}`, {
    code: "access_denied",
    retryable: false,
    partition: index,
  });
}

/** Says what the partition does hold, where the broker tells. Never rejects. */
export async function outOfRangeError(
  client: KafkaClient,
  fetch: PartitionFetch,
): Promise<SourceError> {
  const held = await Promise.all([
    listOffsets(client, [fetch], "log_start"),
    listOffsets(client, [fetch], "end"),
  ]).then(
    ([[logStart], [end]]) => `holds offsets ${logStart} to ${end}`,
    () => "does not hold it",
  );
  return new SourceError(
    `Cannot fetch ${fetch.topic}-${fetch.partition} from offset ${fetch.offset}: the partition ` +
      `${held}; retention took the records, or the topic was made anew`,
    { code: "offset_out_of_range", retryable: false, partition: fetch.index },
  );
}
