import { assertEquals } from "@std/assert";
import { KAFKA_ERROR, kafkaErrorName } from "../../../lib/adapters/kafka/error_codes.ts";
import { produceResult } from "../../../lib/adapters/kafka/produce_request.ts";

/** What comes of each answer to a produce that a broker may give. */
const RESULTS: Readonly<Record<string, readonly number[]>> = {
  acknowledged: [KAFKA_ERROR.none],
  out_of_order: [
    KAFKA_ERROR.outOfOrderSequence,
    KAFKA_ERROR.duplicateSequence,
    KAFKA_ERROR.unknownProducerId,
  ],
  fenced: [KAFKA_ERROR.invalidProducerEpoch, KAFKA_ERROR.producerFenced],
  retriable: [
    KAFKA_ERROR.unknownServerError,
    KAFKA_ERROR.unknownTopicOrPartition,
    KAFKA_ERROR.leaderNotAvailable,
    KAFKA_ERROR.notLeaderOrFollower,
    KAFKA_ERROR.requestTimedOut,
    KAFKA_ERROR.notEnoughReplicas,
    KAFKA_ERROR.notEnoughReplicasAfterAppend,
    KAFKA_ERROR.storageError,
    KAFKA_ERROR.throttlingQuotaExceeded,
  ],
  "rejected timestamp": [KAFKA_ERROR.invalidTimestamp],
  "rejected too_large": [KAFKA_ERROR.messageTooLarge, KAFKA_ERROR.recordListTooLarge],
  "rejected access": [
    KAFKA_ERROR.topicAuthorizationFailed,
    KAFKA_ERROR.clusterAuthorizationFailed,
    KAFKA_ERROR.transactionalIdAuthorizationFailed,
  ],
  "rejected other": [
    KAFKA_ERROR.corruptMessage,
    KAFKA_ERROR.invalidTopic,
    KAFKA_ERROR.unsupportedVersion,
    KAFKA_ERROR.unsupportedForMessageFormat,
    KAFKA_ERROR.policyViolation,
    KAFKA_ERROR.invalidTxnState,
    KAFKA_ERROR.invalidRecord,
    9999,
  ],
};

for (const [expected, codes] of Object.entries(RESULTS)) {
  Deno.test(`produceResult() takes ${codes.map(kafkaErrorName).join(", ")} for ${expected}`, () => {
    for (const code of codes) {
      const result = produceResult(code, 7);
      assertEquals(
        [code, result.kind + (result.kind === "rejected" ? ` ${result.cause}` : "")],
        [code, expected],
      );
    }
  });
}
