import type { TopicMetadata } from "./metadata_request.ts";
import type { TopicSettings } from "./topic_settings.ts";

/** What contract.md, section 3, says about the output topic. */
export interface TopicFitness {
  /** Start-up refuses the topic for each of these, one sentence each. */
  readonly errors: readonly string[];
  /** Workable, but unwise. */
  readonly warnings: readonly string[];
  /** The largest record batch it takes. */
  readonly batchBytesMax: number;
}

/**
 * Judges an output topic. State is restored from it, so that what cleanup takes too early is lost.
 * @param settings null where we were not allowed to look: then only a warning can be given.
 * @param memoryMs the longer of heartbeat interval and grace: how far back state may reach
 */
export function judgeOutputTopic(
  metadata: TopicMetadata,
  settings: TopicSettings | null,
  memoryMs: number,
): TopicFitness {
  if (settings === null) {
    const warning = `Cannot look at the settings of topic ${metadata.name} (the user lacks ` +
      `DescribeConfigs on it): check by hand cleanup.policy=delete, retention.ms and ` +
      `max.message.bytes`;
    return { errors: [], warnings: [warning], batchBytesMax: BATCH_BYTES_ASSUMED };
  }
  const errors: string[] = [];
  const warnings: string[] = [];
  const { name } = metadata;
  const policy = settings.get("cleanup.policy") ?? "delete";
  if (policy !== "delete") {
    errors.push(`Topic ${name} has cleanup.policy=${policy}: set it to delete`);
  }
  const retentionMs = Number(settings.get("retention.ms") ?? -1);
  if (retentionMs >= 0 && retentionMs < 2 * memoryMs) {
    errors.push(
      `Topic ${name} has retention.ms=${retentionMs}: state reaches back ${memoryMs} ms, ` +
        `set it to ${2 * memoryMs} at least`,
    );
  }
  const retentionBytes = Number(settings.get("retention.bytes") ?? -1);
  if (retentionBytes >= 0) {
    warnings.push(
      `Topic ${name} has retention.bytes=${retentionBytes}: records may go before ` +
        `retention.ms is over, state with them`,
    );
  }
  const batchBytesMax = Number(settings.get("max.message.bytes") ?? BATCH_BYTES_ASSUMED);
  if (batchBytesMax < BATCH_BYTES_MIN) {
    errors.push(
      `Topic ${name} has max.message.bytes=${batchBytesMax}: set it to ${BATCH_BYTES_MIN} at least`,
    );
  }
  const replicas = Math.max(0, ...metadata.partitions.map((it) => it.replicas.length));
  if (Number(settings.get("min.insync.replicas") ?? 1) <= 1 && replicas > 1) {
    warnings.push(
      `Topic ${name} has min.insync.replicas=1 with ${replicas} replicas: the loss of one ` +
        `broker may lose acknowledged records; set it to ${Math.max(2, replicas - 1)}`,
    );
  }
  return { errors, warnings, batchBytesMax };
}

const BATCH_BYTES_MIN = 64 * 1024;

/** The default of brokers, with some room. */
const BATCH_BYTES_ASSUMED = 1_000_000;
