import type { RecordInput } from "../../core/record_batch_encoder.ts";
import type { DeadLetter, DeadLetterSink } from "../../ports/dead_letters.ts";
import type { ProduceResult } from "../../ports/output_log.ts";
import { ConcurrencyLimit } from "./concurrency_limit.ts";
import { deadLetterBatch, deadLetterRecord, recordBytesBound } from "./dead_letter_record.ts";
import { KAFKA_ERROR, kafkaErrorName } from "./error_codes.ts";
import { FastProducer } from "./fast_producer.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";
import { BATCH_HEADER_BYTES } from "./record_set.ts";
import { describeTopic } from "./topic_settings.ts";

export interface KafkaDeadLettersOptions {
  readonly client: KafkaClient;
  readonly topic: string;
}

/**
 * The dead-letter topic: at least once, over a connection of its own, so that a megabyte of garbage
 * does not hold up heartbeats.
 *
 * What the broker may take later (no leader, no right to write, no such topic) is tried again for
 * ever. What it does not take because of the letter itself is cut to fit if it is too large; what is
 * refused even so is counted, logged and passed, since nothing that arrives may stall the input.
 */
export class KafkaDeadLetters implements DeadLetterSink {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #producer: FastProducer;
  /** A group under way is there three times more (records, batch, frame); the others wait as they are. */
  readonly #groups = new ConcurrencyLimit(GROUPS_AT_A_TIME_MAX);
  /** The topic's `max.message.bytes`, once asked for. */
  #batchBytesMax: number | null = null;
  #nextPartition = Math.floor(Math.random() * 1_000);
  #closed = false;
  #truncated = 0;
  #passed = 0;

  constructor({ client, topic }: KafkaDeadLettersOptions) {
    this.#client = client;
    this.#topic = topic;
    this.#producer = new FastProducer(client, topic, LANE);
    client.watchTopic(topic);
  }

  /** Letters whose value was cut since the start. */
  get truncated(): number {
    return this.#truncated;
  }

  /** Letters that the broker refused for good since the start: they are in the log alone. */
  get passed(): number {
    return this.#passed;
  }

  async send(letters: readonly DeadLetter[]): Promise<number> {
    let acknowledged = 0;
    let group: DeadLetter[] = [];
    let bytes = 0;
    for (const letter of letters) {
      const size = recordBytesBound(deadLetterRecord(letter, 0));
      if (group.length > 0 && bytes + size > GROUP_BYTES_MAX) {
        acknowledged += await this.#sendInTurn(group);
        group = [];
        bytes = 0;
      }
      group.push(letter);
      bytes += size;
    }
    if (group.length > 0) acknowledged += await this.#sendInTurn(group);
    return acknowledged;
  }

  // deno-lint-ignore require-await -- the port allows sinks for which closing takes time
  async close(): Promise<void> {
    this.#closed = true;
    this.#client.closeLanes(LANE);
  }

  async #sendInTurn(group: readonly DeadLetter[]): Promise<number> {
    return await this.#groups.run(() => this.#sendGroup(group));
  }

  /** @returns how many of them were acknowledged. */
  async #sendGroup(letters: readonly DeadLetter[]): Promise<number> {
    const now = this.#client.clock.wallMs();
    const result = await this.#produce(letters.map((letter) => deadLetterRecord(letter, now)));
    if (result.kind === "acknowledged") return letters.length;
    if (letters.length > 1) {
      // One of them is at fault: each goes alone.
      let acknowledged = 0;
      for (const letter of letters) acknowledged += await this.#sendGroup([letter]);
      return acknowledged;
    }
    const letter = letters[0]!;
    const reason = await this.#sendRefused(letter, reasonOf(result));
    if (reason === null) return 1;
    this.#pass(letter, reason);
    return 0;
  }

  /** Tries what may help against the reason; the reason that remains, or null when it helped. */
  async #sendRefused(letter: DeadLetter, reason: string): Promise<string | null> {
    const now = this.#client.clock.wallMs();
    if (reason === INVALID_TIMESTAMP) {
      // The topic takes no times as old as this one.
      const result = await this.#produce([{ ...deadLetterRecord(letter, now), timestampMs: now }]);
      return result.kind === "acknowledged" ? null : reasonOf(result);
    }
    if (!TOO_LARGE.has(reason) || letter.value === null) return reason;
    let last = reason;
    for (const limit of await this.#limits(letter)) {
      const around = recordBytesBound(deadLetterRecord({ ...letter, value: null }, now)) +
        BATCH_HEADER_BYTES + TRUNCATED_HEADER_BYTES;
      const valueBytesMax = Math.max(0, limit - around);
      const result = await this.#produce([deadLetterRecord(letter, now, valueBytesMax)]);
      if (result.kind === "acknowledged") {
        this.#truncated += 1;
        return null;
      }
      last = reasonOf(result);
    }
    return last;
  }

  /** Sizes of a batch to try, largest first. */
  async #limits(letter: DeadLetter): Promise<readonly number[]> {
    if (this.#batchBytesMax === null) {
      try {
        const settings = await describeTopic(this.#client, this.#topic);
        this.#batchBytesMax = Number(settings.get("max.message.bytes") ?? 0);
      } catch (error) {
        // Not allowed to look, or nobody answers: sizes are guessed.
        if (!(error instanceof KafkaFault)) throw error;
      }
    }
    const guesses = [Math.floor(letter.value!.length / 2), SMALL_BATCH_BYTES];
    return this.#batchBytesMax ? [this.#batchBytesMax, SMALL_BATCH_BYTES] : guesses;
  }

  /** Sends one batch to some partition until the broker takes it or refuses it for what it is. */
  async #produce(records: readonly RecordInput[]): Promise<ProduceResult> {
    const bytes = deadLetterBatch(records);
    for (let failures = 0;; failures += 1) {
      if (this.#closed || this.#client.isClosed) {
        throw new KafkaFault("The dead-letter sink was closed", { kind: "closed" });
      }
      const shard = this.#choosePartition();
      const result = await new Promise<ProduceResult>((resolve) =>
        this.#producer.produce([{ shard, bytes }], (_, result) => resolve(result))
      );
      if (result.kind === "acknowledged") return result;
      if (result.kind === "rejected" && OF_THE_LETTER.has(result.reason)) return result;
      const reason = reasonOf(result);
      this.#client.limiter.write(
        result.kind === "retriable" ? "warn" : "error",
        `dead letters ${reason}`,
        `Cannot write dead letters to ${this.#topic} yet: ${reason}`,
      );
      await this.#client.pause(Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** failures));
    }
  }

  /** In turn over the partitions that have a leader; 0 while none has. */
  #choosePartition(): number {
    const partitions = this.#client.topic(this.#topic)?.partitions ?? [];
    for (let step = 0; step < partitions.length; step += 1) {
      this.#nextPartition = (this.#nextPartition + 1) % partitions.length;
      if (this.#client.leaderOf(this.#topic, this.#nextPartition) !== -1) break;
    }
    return partitions.length === 0 ? 0 : this.#nextPartition;
  }

  #pass(letter: DeadLetter, reason: string): void {
    this.#passed += 1;
    const { topic, partition, offset } = letter;
    this.#client.log(
      "error",
      `A dead letter is lost: topic ${this.#topic} refuses it: ${reason}`,
      { reason: letter.reason, topic, partition, offset, bytes: letter.value?.length ?? 0 },
    );
  }
}

function reasonOf(result: ProduceResult): string {
  return "reason" in result ? result.reason : result.kind;
}

const LANE = "dead-letters";
const GROUP_BYTES_MAX = 512 * 1024;
/** Enough for the letters of a few partitions to go side by side; 2 MB of batches. */
const GROUPS_AT_A_TIME_MAX = 4;
/** Every topic that is of use takes so much; the last size tried. */
const SMALL_BATCH_BYTES = 16 * 1024;
const TRUNCATED_HEADER_BYTES = 64;
const PAUSE_MS = 50;
const PAUSE_MAX_MS = 2_000;

const INVALID_TIMESTAMP = kafkaErrorName(KAFKA_ERROR.invalidTimestamp);

const TOO_LARGE: ReadonlySet<string> = new Set(
  [KAFKA_ERROR.messageTooLarge, KAFKA_ERROR.recordListTooLarge].map(kafkaErrorName),
);

/** Refusals that concern the record, not the topic. */
const OF_THE_LETTER: ReadonlySet<string> = new Set([
  ...TOO_LARGE,
  INVALID_TIMESTAMP,
  ...[KAFKA_ERROR.invalidRecord, KAFKA_ERROR.corruptMessage].map(kafkaErrorName),
]);
