import { ManualClock } from "../../lib/adapters/memory/manual_clock.ts";
import { MemoryInput } from "../../lib/adapters/memory/memory_input.ts";
import { MemoryOutputLog } from "../../lib/adapters/memory/memory_output_log.ts";
import { MemorySource } from "../../lib/adapters/memory/memory_source.ts";
import { MemoryTopic } from "../../lib/adapters/memory/memory_topic.ts";
import { outputLogSuite } from "./output_log_suite.ts";
import { sourceSuite } from "./source_suite.ts";

/** Lets the clock run; what has not happened after this long never will. */
function runUntil(clock: ManualClock, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (condition()) return Promise.resolve();
    clock.advance(1);
  }
  throw new Error("what the test waits for does not happen");
}

outputLogSuite("MemoryOutputLog", () => {
  const clock = new ManualClock(1_761_955_605_000);
  const topic = new MemoryTopic({ name: "sessions", partitions: 3 });
  return Promise.resolve({
    connect: () => new MemoryOutputLog(topic, clock),
    until: (condition) => runUntil(clock, condition),
    dispose: () => Promise.resolve(),
  });
});

sourceSuite("MemorySource", () => {
  const clock = new ManualClock(1_761_955_605_000);
  const input = new MemoryInput({
    topics: [{ name: "events", partitions: 2 }],
    bufferBytesMax: 64 * 1024 * 1024,
  });
  return Promise.resolve({
    connect: () => new MemorySource(input, clock),
    append: (partition, records) => {
      if (input.appendRecords(partition, records) === null) throw new Error("the buffer is full");
      return Promise.resolve();
    },
    until: (condition) => runUntil(clock, condition),
    dispose: () => Promise.resolve(),
  });
});
