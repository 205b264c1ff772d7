/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/// <reference lib="deno.unstable" />

/**
 * The engine's thread. Main sends `EngineRequest`s and gets `EngineReport`s. Which engine it is
 * tells the first request; what the other kind needs is not even loaded.
 */
import { SystemClock } from "../adapters/system/clock.ts";
import { EngineHost } from "./engine_host.ts";
import type { EngineRequest } from "./engine_messages.ts";

const modules = {
  kafka: () => import("./kafka_engine.ts"),
  demo: () => import("./demo_engine.ts"),
};

const host = new EngineHost({
  post: (report) => self.postMessage(report),
  clock: new SystemClock(),
  heapUsedBytes: () => Deno.memoryUsage().heapUsed,
  // Nobody outside can choose device ids that all fall on one place.
  hashSeed: crypto.getRandomValues(new Int32Array(1))[0]!,
  prepare(engine) {
    modules[engine]().catch(() => {});
  },
  async create(setup, surroundings) {
    switch (setup.kind) {
      case "kafka":
        return (await modules.kafka()).createKafkaEngine(setup, surroundings);
      case "demo":
        return (await modules.demo()).createDemoEngine(setup, surroundings);
    }
  },
});

self.onmessage = ({ data }: MessageEvent<EngineRequest>) => host.receive(data);
