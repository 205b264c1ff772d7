import { callsForCoordinator } from "./error_codes.ts";
import { findCoordinator } from "./coordinator.ts";
import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault, refusal } from "./kafka_fault.ts";
import { byTopic, type TopicPartition } from "./partition_offsets.ts";
import { untilAnswered } from "./until_answered.ts";
import { WireReader } from "./wire_reader.ts";

/**
 * Offsets kept under a group id that has no members: written for ordinary lag tools, read back as a
 * lower bound. A commit without generation and member is what the broker takes from an application
 * that assigns itself its partitions.
 */
export class GroupOffsets {
  readonly #client: KafkaClient;
  readonly #groupId: string;
  readonly #partitions: readonly TopicPartition[];
  #coordinator = -1;

  constructor(client: KafkaClient, groupId: string, partitions: readonly TopicPartition[]) {
    this.#client = client;
    this.#groupId = groupId;
    this.#partitions = partitions;
  }

  /** -1 where nothing was committed. Waits for the coordinator. @throws KafkaFault */
  async fetch(): Promise<number[]> {
    return await untilAnswered(
      this.#client,
      `Cannot fetch offsets of group ${this.#groupId}`,
      async () => await this.#ask((nodeId) => this.#fetchFrom(nodeId)),
    );
  }

  /** One attempt; entries below 0 are left out. @throws KafkaFault */
  async commit(offsets: readonly number[]): Promise<void> {
    await this.#ask((nodeId) => this.#commitTo(nodeId, offsets));
  }

  async #ask<T>(request: (nodeId: number) => Promise<T>): Promise<T> {
    if (this.#coordinator === -1) {
      this.#coordinator = await findCoordinator(this.#client, "group", this.#groupId);
    }
    try {
      return await request(this.#coordinator);
    } catch (error) {
      if (
        error instanceof KafkaFault && (error.kind !== "refused" || callsForCoordinator(error.code))
      ) {
        this.#coordinator = -1;
      }
      throw error;
    }
  }

  async #fetchFrom(nodeId: number): Promise<number[]> {
    const what = `Cannot fetch offsets of group ${this.#groupId}`;
    return await this.#client.request({ nodeId }, {
      api: KAFKA_API.offsetFetch,
      write: (writer) =>
        writer.string(this.#groupId).array(byTopic(this.#partitions), ([topic, asked]) => {
          writer.string(topic).array(asked, ({ partition }) => writer.int32(partition));
        }),
      read: (payload) => {
        const reader = new WireReader(payload);
        reader.int32(); // throttle time
        const committed = new Map<string, number>();
        reader.array(() => {
          const topic = reader.string();
          reader.array(() => {
            const partition = reader.int32();
            const offset = reader.int64();
            reader.nullableString(); // metadata
            const errorCode = reader.int16();
            if (errorCode !== 0) throw refusal(what, errorCode);
            committed.set(`${topic}-${partition}`, offset);
          });
        });
        const errorCode = reader.int16();
        if (errorCode !== 0) throw refusal(what, errorCode);
        return this.#partitions.map(({ topic, partition }) =>
          committed.get(`${topic}-${partition}`) ?? -1
        );
      },
    });
  }

  async #commitTo(nodeId: number, offsets: readonly number[]): Promise<void> {
    const written = this.#partitions.map((name, index) => ({ ...name, offset: offsets[index]! }))
      .filter(({ offset }) => offset >= 0);
    if (written.length === 0) return;
    await this.#client.request({ nodeId }, {
      api: KAFKA_API.offsetCommit,
      write: (writer) => {
        writer.string(this.#groupId).int32(-1).string("").int64(-1);
        writer.array(byTopic(written), ([topic, ofTopic]) => {
          writer.string(topic).array(ofTopic, ({ partition, offset }) => {
            writer.int32(partition).int64(offset).nullableString(null);
          });
        });
      },
      read: (payload) => {
        const reader = new WireReader(payload);
        reader.int32(); // throttle time
        reader.array(() => {
          const topic = reader.string();
          reader.array(() => {
            const partition = reader.int32();
            const errorCode = reader.int16();
            if (errorCode === 0) return;
            throw refusal(
              `Cannot commit offsets of group ${this.#groupId} on ${topic}-${partition}`,
              errorCode,
            );
          });
        });
      },
    });
  }
}
