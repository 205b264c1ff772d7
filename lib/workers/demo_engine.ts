import { MemoryDeadLetters } from "../adapters/memory/memory_dead_letters.ts";
import { MemoryInput } from "../adapters/memory/memory_input.ts";
import { MemoryOutputLog } from "../adapters/memory/memory_output_log.ts";
import { MemorySource } from "../adapters/memory/memory_source.ts";
import { MemoryTopic } from "../adapters/memory/memory_topic.ts";
import type { Config } from "../config/config.ts";
import { DeviceFleet } from "../demo/device_fleet.ts";
import { EventIntake } from "../demo/event_intake.ts";
import type { EventLog } from "../demo/event_log.ts";
import { EventText } from "../demo/event_text.ts";
import { FleetPump } from "../demo/fleet_pump.ts";
import { Engine } from "../engine/engine.ts";
import type { EngineSetup } from "./engine_messages.ts";
import { engineOptions } from "./engine_settings.ts";
import type { EngineSurroundings, HostedEngine } from "./hosted_engine.ts";

/** The same engine without Kafka: topics in memory, and simulated devices that write to them. */
export function createDemoEngine(
  { config, fleet: fleetOptions }: Extract<EngineSetup, { readonly kind: "demo" }>,
  surroundings: EngineSurroundings,
): HostedEngine {
  const { clock } = surroundings;
  const { topics, layouts } = config.input;
  const input = new MemoryInput({
    topics: topics.map((name) => ({ name, partitions: INPUT_PARTITIONS })),
    bufferBytesMax: INPUT_BYTES_MAX,
  });
  const output = new MemoryTopic({
    name: config.output.topic,
    partitions: SHARDS,
    retainedBytesMax: OUTPUT_BYTES_MAX,
  });
  const engine = new Engine(engineOptions(demoConfig(config), surroundings), {
    clock,
    source: new MemorySource(input, clock),
    log: new MemoryOutputLog(output, clock),
    deadLetters: new MemoryDeadLetters(),
    checkpoints: null,
  });
  const logs = topics.map((_, index) => eventLog(input, index));
  const pump = new FleetPump({
    fleet: new DeviceFleet(fleetOptions),
    topics: topics.map((topic, index) => ({
      log: logs[index]!,
      text: new EventText({ layout: layouts[topic]!, seed: fleetOptions.seed }),
    })),
    clock,
  });
  const intake = new EventIntake({
    layout: layouts[topics[0]!]!,
    eventBytesMax: config.limits.maxEventBytes,
    log: logs[0]!,
    wallMs: () => clock.wallMs(),
  });
  return {
    async start() {
      pump.start();
      await engine.start();
      await pump.underWay;
    },
    stop() {
      pump.stop();
      return engine.stop();
    },
    failed: engine.failed,
    status: () => engine.status(),
    device: (deviceId) => engine.device(deviceId),
    ingest: (body, format) => intake.take(body, format),
    checkpointsLost() {},
    close: () => pump.stop(),
  };
}

/**
 * Nothing was ever read or written before, whatever the deployment's own start is. And the output
 * is kept by its bytes, whatever they are: a shard that has to recover does what it can.
 */
function demoConfig(config: Config): Config {
  return {
    ...config,
    input: { ...config.input, start: "earliest" },
    output: { ...config.output, lostSessions: "forget" },
  };
}

function eventLog(input: MemoryInput, topic: number): EventLog {
  return {
    partitions: INPUT_PARTITIONS,
    freeBytes: () => INPUT_BYTES_MAX - input.logs.reduce((sum, { bytes }) => sum + bytes, 0),
    append: (partition, records) =>
      input.appendRecords(topic * INPUT_PARTITIONS + partition, records) !== null,
  };
}

const INPUT_PARTITIONS = 4;
const SHARDS = 8;
/** Records go once their offset is committed, every few seconds: a quarter of a million of them. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Nobody reads the output of a demo but the engine itself, should it have to recover. */
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024;
