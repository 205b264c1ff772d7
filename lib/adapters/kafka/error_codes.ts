/**
 * The error codes of the Kafka protocol that this program can meet, with their names and what a
 * caller can do about them.
 *
 * Source: the Kafka protocol guide, "Error Codes".
 */
export const KAFKA_ERROR = {
  unknownServerError: -1,
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeaderOrFollower: 6,
  requestTimedOut: 7,
  brokerNotAvailable: 8,
  replicaNotAvailable: 9,
  messageTooLarge: 10,
  networkException: 13,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  unsupportedVersion: 35,
  topicAlreadyExists: 36,
  notController: 41,
  unsupportedForMessageFormat: 43,
  policyViolation: 44,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidTxnState: 48,
  invalidProducerIdMapping: 49,
  concurrentTransactions: 51,
  transactionalIdAuthorizationFailed: 53,
  operationNotAttempted: 55,
  storageError: 56,
  unknownProducerId: 59,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  invalidRecord: 87,
  throttlingQuotaExceeded: 89,
  producerFenced: 90,
} as const;

/** How the broker names the code, for messages: `NOT_LEADER_OR_FOLLOWER (6)`. */
export function kafkaErrorName(code: number): string {
  const name = NAMES.get(code);
  return name === undefined ? `error ${code}` : `${name} (${code})`;
}

/** The leader may have moved: look at the metadata again before the next attempt. */
export function callsForMetadata(code: number): boolean {
  return STALE_METADATA.has(code);
}

/** The same request may succeed a moment later. */
export function isRetriableCode(code: number): boolean {
  return STALE_METADATA.has(code) || TRANSIENT.has(code);
}

/** The coordinator of a group or a transactional id may have moved. */
export function callsForCoordinator(code: number): boolean {
  return code === KAFKA_ERROR.coordinatorLoading || code === KAFKA_ERROR.coordinatorNotAvailable ||
    code === KAFKA_ERROR.notCoordinator;
}

/** The batch is larger than the topic takes. */
export function isTooLarge(code: number): boolean {
  return code === KAFKA_ERROR.messageTooLarge || code === KAFKA_ERROR.recordListTooLarge;
}

/** An administrator has to grant something. */
export function isAccessDenied(code: number): boolean {
  return ACCESS_DENIED.has(code);
}

const STALE_METADATA: ReadonlySet<number> = new Set([
  KAFKA_ERROR.unknownTopicOrPartition,
  KAFKA_ERROR.leaderNotAvailable,
  KAFKA_ERROR.notLeaderOrFollower,
  KAFKA_ERROR.brokerNotAvailable,
  KAFKA_ERROR.replicaNotAvailable,
  KAFKA_ERROR.networkException,
  KAFKA_ERROR.storageError,
  KAFKA_ERROR.fencedLeaderEpoch,
  KAFKA_ERROR.unknownLeaderEpoch,
]);

const TRANSIENT: ReadonlySet<number> = new Set([
  // The broker does not say what went wrong; every request of ours may be repeated.
  KAFKA_ERROR.unknownServerError,
  KAFKA_ERROR.requestTimedOut,
  KAFKA_ERROR.coordinatorLoading,
  KAFKA_ERROR.coordinatorNotAvailable,
  KAFKA_ERROR.notCoordinator,
  KAFKA_ERROR.notEnoughReplicas,
  KAFKA_ERROR.notEnoughReplicasAfterAppend,
  KAFKA_ERROR.notController,
  KAFKA_ERROR.concurrentTransactions,
  KAFKA_ERROR.throttlingQuotaExceeded,
]);

const ACCESS_DENIED: ReadonlySet<number> = new Set([
  KAFKA_ERROR.topicAuthorizationFailed,
  KAFKA_ERROR.groupAuthorizationFailed,
  KAFKA_ERROR.clusterAuthorizationFailed,
  KAFKA_ERROR.transactionalIdAuthorizationFailed,
]);

/** camelCase to the guide's spelling: `notController` is NOT_CONTROLLER. */
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(KAFKA_ERROR).map((
    [name, code],
  ) => [code, name.replace(/[A-Z]/g, "_$&").toUpperCase()]),
);
