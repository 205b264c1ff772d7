import type { Clock } from "../../ports/clock.ts";
import { clientOptions, type ClientSettings } from "./client_settings.ts";
import { KAFKA_ERROR, kafkaErrorName } from "./error_codes.ts";
import { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";
import { judgeOutputTopic } from "./output_topic_fitness.ts";
import { listOffsets } from "./partition_offsets.ts";
import type { TopicNames } from "./topics.ts";
import { describeTopic } from "./topic_settings.ts";

/** What the check needs to know of the configuration. */
export type ClusterCheckSettings = ClientSettings & Omit<TopicNames, "limits">;

/** What the cluster says about the topics that the configuration names. */
export interface ClusterReport {
  /** False when no broker answered; then the findings tell why. */
  readonly reachable: boolean;
  readonly findings: readonly ClusterFinding[];
}

export interface ClusterFinding {
  /** An `error` is what start-up would refuse, a `warning` what is only unwise. */
  readonly severity: "error" | "warning" | "info";
  readonly text: string;
}

/** Asks the brokers once, within a few seconds; changes nothing. */
export async function checkCluster(
  settings: ClusterCheckSettings,
  clock: Clock,
): Promise<ClusterReport> {
  const client = new KafkaClient({
    ...clientOptions(settings),
    clock,
    log: () => {}, // the findings say it all
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  // What waits for something ends then, with a fault that says so.
  const cancel = clock.wakeAfter(CHECK_TIMEOUT_MS, () => client.close());
  try {
    return await check(client, settings);
  } finally {
    cancel();
    client.close();
  }
}

async function check(
  client: KafkaClient,
  settings: ClusterCheckSettings,
): Promise<ClusterReport> {
  const inputs = settings.input.topics;
  const output = settings.output.topic;
  const deadLetters = settings.deadLetters.topic;
  for (const topic of [...inputs, output, deadLetters]) client.watchTopic(topic);
  const fault = await client.refreshMetadata();
  if (fault !== null) {
    // A refused login is an answer, too: waiting would not help.
    return {
      reachable: fault.kind === "authentication" || fault.kind === "unsupported",
      findings: [{ severity: "error", text: fault.message }],
    };
  }
  const findings: ClusterFinding[] = [{
    severity: "info",
    text: `${client.nodeIds.length} broker(s) answer`,
  }];
  const present = [...inputs, output, deadLetters].filter((topic) => {
    const finding = lookAtTopic(client, topic);
    findings.push(finding);
    return finding.severity !== "error";
  });
  if (present.includes(output)) findings.push(...await checkOutput(client, settings));
  findings.push(...await checkReading(client, present));
  return { reachable: true, findings };
}

function lookAtTopic(client: KafkaClient, topic: string): ClusterFinding {
  const metadata = client.topic(topic);
  const code = metadata?.errorCode ?? KAFKA_ERROR.unknownTopicOrPartition;
  if (code === KAFKA_ERROR.unknownTopicOrPartition) {
    const text = `Topic ${topic} does not exist: \`sessionwheel topics create\` makes it`;
    return { severity: "error", text };
  }
  if (code !== 0) {
    return { severity: "error", text: `Cannot use topic ${topic}: ${kafkaErrorName(code)}` };
  }
  const partitions = metadata!.partitions;
  const leaderless = partitions.filter(({ leader }) => leader === -1).length;
  if (leaderless > 0) {
    const text = `Topic ${topic}: ${leaderless} of ${partitions.length} partitions have no leader`;
    return { severity: "warning", text };
  }
  return { severity: "info", text: `Topic ${topic} has ${partitions.length} partition(s)` };
}

async function checkOutput(
  client: KafkaClient,
  settings: ClusterCheckSettings,
): Promise<ClusterFinding[]> {
  const { output: { topic }, session } = settings;
  const memoryMs = Math.max(session.heartbeatIntervalMs, session.graceMs);
  try {
    const found = await describeTopic(client, topic).catch((error: unknown) => {
      if (error instanceof KafkaFault && error.kind === "refused" && error.accessDenied) {
        return null;
      }
      throw error;
    });
    const { errors, warnings } = judgeOutputTopic(client.topic(topic)!, found, memoryMs);
    return [
      ...errors.map((text) => ({ severity: "error" as const, text })),
      ...warnings.map((text) => ({ severity: "warning" as const, text })),
    ];
  } catch (error) {
    return [faultFinding(error)];
  }
}

/** Whether the user may look into the topics: what ListOffsets asks for is what reading asks for. */
async function checkReading(
  client: KafkaClient,
  topics: readonly string[],
): Promise<ClusterFinding[]> {
  const findings: ClusterFinding[] = [];
  for (const topic of topics) {
    const led = client.topic(topic)!.partitions.filter(({ leader }) => leader !== -1);
    try {
      await listOffsets(client, led.map(({ partition }) => ({ topic, partition })), "end");
    } catch (error) {
      findings.push(faultFinding(error));
    }
  }
  return findings;
}

function faultFinding(error: unknown): ClusterFinding {
  if (!(error instanceof KafkaFault)) throw error;
  return { severity: "error", text: error.message };
}

const CHECK_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 5_000;
