import { KAFKA_ERROR } from "./error_codes.ts";
import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault, refusal } from "./kafka_fault.ts";
import { untilAnswered } from "./until_answered.ts";
import { WireReader } from "./wire_reader.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The first offset kept, the next to be written, or the end of what is decided. */
export type OffsetWanted = "log_start" | "end" | "stable_end";

/**
 * One offset of each partition, in the order asked. Waits for partitions without a leader.
 * @throws KafkaFault
 */
export async function listOffsets(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  wanted: OffsetWanted,
): Promise<number[]> {
  const offsets = new Array<number>(partitions.length).fill(-1);
  let missing = partitions.map((_, index) => index);
  await untilAnswered(client, "Cannot list offsets", async () => {
    const failed: { index: number; fault: KafkaFault }[] = [];
    await Promise.all([...byLeader(client, partitions, missing)].map(async ([leader, indexes]) => {
      try {
        if (leader === -1) {
          throw refusal("Waiting for a leader", KAFKA_ERROR.leaderNotAvailable);
        }
        const asked = indexes.map((index) => partitions[index]!);
        const answers = await listOffsetsOf(client, leader, asked, wanted);
        for (const [position, index] of indexes.entries()) {
          const answer = answers[position]!;
          if (answer.errorCode === 0) offsets[index] = answer.offset;
          else failed.push({ index, fault: offsetRefusal(partitions[index]!, answer.errorCode) });
        }
      } catch (error) {
        if (!(error instanceof KafkaFault)) throw error;
        for (const index of indexes) failed.push({ index, fault: error });
      }
    }));
    missing = failed.map(({ index }) => index);
    const worst = failed.find(({ fault }) => !fault.retryable) ?? failed[0];
    if (worst !== undefined) throw worst.fault;
  });
  return offsets;
}

/** Indexes into `partitions`, by the node id of the leader; -1 where there is none. */
export function byLeader(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  indexes: readonly number[],
): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const index of indexes) {
    const { topic, partition } = partitions[index]!;
    const leader = client.leaderOf(topic, partition);
    const group = groups.get(leader);
    if (group === undefined) groups.set(leader, [index]);
    else group.push(index);
  }
  return groups;
}

/** The same partitions, topic by topic, as requests want them. */
export function byTopic<T extends TopicPartition>(partitions: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const partition of partitions) {
    const group = groups.get(partition.topic);
    if (group === undefined) groups.set(partition.topic, [partition]);
    else group.push(partition);
  }
  return [...groups];
}

async function listOffsetsOf(
  client: KafkaClient,
  nodeId: number,
  partitions: readonly TopicPartition[],
  wanted: OffsetWanted,
): Promise<{ readonly errorCode: number; readonly offset: number }[]> {
  const timestamp = wanted === "log_start" ? -2 : -1;
  return await client.request({ nodeId }, {
    api: KAFKA_API.listOffsets,
    write: (writer) =>
      writer.int32(-1).int8(wanted === "stable_end" ? 1 : 0)
        .array(byTopic(partitions), ([topic, asked]) => {
          writer.string(topic).array(asked, ({ partition }) => {
            writer.int32(partition).int64(timestamp);
          });
        }),
    read: (payload) => {
      const reader = new WireReader(payload);
      reader.int32(); // throttle time
      const answers = new Map<string, { errorCode: number; offset: number }>();
      reader.array(() => {
        const topic = reader.string();
        reader.array(() => {
          const partition = reader.int32();
          const errorCode = reader.int16();
          reader.int64(); // timestamp
          answers.set(`${topic}-${partition}`, { errorCode, offset: reader.int64() });
        });
      });
      return partitions.map(({ topic, partition }) =>
        answers.get(`${topic}-${partition}`) ??
          { errorCode: KAFKA_ERROR.unknownTopicOrPartition, offset: -1 }
      );
    },
  });
}

function offsetRefusal({ topic, partition }: TopicPartition, code: number): KafkaFault {
  return refusal(`Cannot list offsets of ${topic}-${partition}`, code);
}
