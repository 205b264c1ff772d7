import type { InputPosition } from "../core/position.ts";
import type { InputPartition as InputName, InputRange } from "../ports/source.ts";
import { SourceError } from "../ports/source.ts";
import { EngineError } from "./engine_error.ts";

export interface StartOffsetsOptions {
  readonly inputs: readonly InputName[];
  readonly ranges: readonly InputRange[];
  /** The group's offsets; -1 = none. */
  readonly committed: readonly number[];
  /** What each shard has read, by its log or its checkpoint; null where neither tells. */
  readonly read: readonly (readonly InputPosition[] | null)[];
  readonly start: "earliest" | "latest";
  /** The output had records once, whether or not there is one left. */
  readonly hadOutput: boolean;
  /** Whose offsets `committed` are. */
  readonly groupId: string;
}

export interface StartOffsets {
  /** Per shard, the next offset of each input partition that it has to apply. */
  readonly ofShard: readonly Float64Array[];
  /** Whether nothing at all tells where to start: no position, no committed offset. */
  readonly isFirstRun: boolean;
  /**
   * Where the topics begin that nothing is read of yet, -1 for those that something is; null when
   * there is none to begin. To be committed before anything is read: with `latest` the next start
   * would find another end, and a shard that wrote nothing would not know that this one was chosen.
   */
  readonly firstCommit: readonly number[] | null;
}

/**
 * Where each shard goes on in each input partition: at the position in its log; where there is
 * none at the group's committed offset, which is a lower bound for every shard; where there is
 * neither, at the configured start. A partition that was added to a topic that is read already
 * begins at its beginning, whatever the start.
 *
 * @throws EngineError when a position cannot be: before what retention left, or past the end; and
 * when nothing tells where to start though this cannot be the first run.
 * @throws SourceError `partitions_added` when a shard has read partitions that we do not know of:
 * they were added after this process looked. Its own positions would forget them.
 */
export function chooseStartOffsets(options: StartOffsetsOptions): StartOffsets {
  const { inputs, ranges, committed, read, start, hadOutput } = options;
  const known = read.filter((positions) => positions !== null);
  for (const positions of known) requireAllKnown(positions, inputs);
  const topics = new Set(known.flat().map(({ topic }) => topic));
  // Before the first record only the group's offsets tell that a topic is read.
  for (const [i, { topic }] of inputs.entries()) if (committed[i]! >= 0) topics.add(topic);
  const isFirstRun = known.length === 0 && committed.every((offset) => offset < 0);
  if (isFirstRun && hadOutput) throw placeIsLost(options);
  const begin = inputs.map(({ topic }, i) => {
    if (topics.has(topic)) return -1;
    return start === "earliest" ? ranges[i]!.logStart : ranges[i]!.end;
  });
  const ofShard = read.map((positions) => {
    const byName = new Map(positions?.map((input) => [nameOf(input), input.offset]));
    return Float64Array.from(inputs, (input, i) => {
      const range = ranges[i]!;
      const inLog = byName.get(nameOf(input)) ?? -1;
      const offset = Math.max(inLog, committed[i]!);
      if (offset >= 0) return checked(offset, input, range);
      if (begin[i]! >= 0) return begin[i]!;
      // A partition that was added to a topic we read: everything in it is new to us.
      return range.logStart;
    });
  });
  const firstCommit = begin.some((offset) => offset >= 0) ? begin : null;
  return { ofShard, isFirstRun, firstCommit };
}

function requireAllKnown(
  positions: readonly InputPosition[],
  inputs: readonly InputName[],
): void {
  for (const { topic, partition } of positions) {
    const ofTopic = inputs.filter((input) => input.topic === topic);
    if (ofTopic.length === 0 || ofTopic.some((input) => input.partition === partition)) continue;
    throw new SourceError(
      `Topic ${topic} had ${ofTopic.length} partitions when this process looked, and partition ` +
        `${partition} of it is read already: start again to see all. If it was created anew with ` +
        "fewer, give the deployment another app.id and output topic",
      { code: "partitions_added", retryable: false },
    );
  }
}

/** Neither start is right: the one writes everything again, the other leaves out what came since. */
function placeIsLost({ inputs, groupId }: StartOffsetsOptions): EngineError {
  const topics = [...new Set(inputs.map(({ topic }) => topic))];
  return new EngineError(
    "The output had records, but retention or an operator has removed them all, and the group " +
      `${groupId} has no offsets (any more): nothing tells how far ${
        topics.join(", ")
      } was read. ` +
      "Set the group's offsets to where it shall begin (kafka-consumer-groups --group " +
      `${groupId} ${topics.map((topic) => `--topic ${topic}`).join(" ")} --reset-offsets ` +
      "--to-datetime, --to-latest or, for everything once more, --to-earliest) and start again",
    { code: "state" },
  );
}

function checked(offset: number, input: InputName, range: InputRange): number {
  const name = `Partition ${input.partition} of the input topic ${input.topic}`;
  if (offset > range.end) {
    throw new EngineError(
      `${name} ends at offset ${range.end}, but this deployment has read it up to ${offset}: ` +
        "the topic was deleted and created anew, or its end was lost. To start over with the new " +
        "one, give the deployment another app.id and output topic",
      { code: "state" },
    );
  }
  if (offset < range.logStart) {
    throw new EngineError(
      `${name} begins at offset ${range.logStart}, but this deployment still needs ${offset}: ` +
        `retention removed ${range.logStart - offset} records that were not read. To go on ` +
        "without them, set the group's offset to the topic's beginning (kafka-consumer-groups " +
        "--reset-offsets --to-earliest) and start again",
      { code: "state" },
    );
  }
  return offset;
}

function nameOf(input: Pick<InputPosition, "topic" | "partition">): string {
  return `${input.topic}/${input.partition}`;
}
