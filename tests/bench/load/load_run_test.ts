import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl } from "../../../tools/repository.ts";
import { brokerTest } from "../../support/kafka/shared_broker.ts";
import { parseLoadOptions } from "./load_options.ts";
import { renderReport } from "./load_report.ts";
import type { LoadResult } from "./load_result.ts";
import { LoadRun } from "./load_run.ts";

const STAND_IN = fromFileUrl(new URL("./stand_in_engine.ts", import.meta.url));

async function run(broker: string, fault: string, ...more: string[]): Promise<LoadResult> {
  const options = parseLoadOptions([
    ...["--brokers", broker, "--engine", STAND_IN, "--set", `stand-in.fault=${fault}`],
    ...["--set", "stand-in.partitions=3", "--partitions", "3", "--heartbeat", "1"],
    ...["--sessions", "60", "--rate", "600", "--warmup", "1", "--minutes", "0.05", ...more],
  ]);
  return await new LoadRun(options, () => {}).run();
}

brokerTest(
  "The load bench finds nothing wrong with an engine that does its job",
  async (broker) => {
    const result = await run(broker.bootstrap, "", "--log-append-time");
    assertEquals(result.faults, []);
    const { analyser, generator, options } = result;
    assertEquals(analyser.starts + analyser.ends, generator.events);
    assertEquals(result.activeSessions, options.sessions);
    assertEquals(analyser.starts, 60 + analyser.ends);
    // A heartbeat a second of 60 sessions, for 3 s, and 10 events a second.
    const { heartbeats, changes } = analyser.latencies;
    assert(Math.abs(heartbeats.H.count - 180) <= 10, `${heartbeats.H.count} heartbeats measured`);
    assert(Math.abs(changes.L1.count - 30) <= 2, `${changes.L1.count} changes measured`);
    assertEquals(changes.L2.count, changes.L1.count);
    assertGreater(changes.L3.p50!, 0);
    assertGreater(result.usage.processes.engine!, 0);
    const report = renderReport(result);
    assertStringIncludes(report, "Nothing missing, nothing twice, nothing out of order.");
    assertStringIncludes(report, "| L2 starts and ends, appended |");
  },
);

brokerTest("The load bench sees one heartbeat that is lost", async (broker) => {
  const { faults } = await run(broker.bootstrap, "lose");
  // By the session's next heartbeat, or by its End where that comes first.
  assertMatch(faults.join(", "), /^1 heartbeats (left out in the measured window|missing)/);
});

brokerTest("The load bench sees one heartbeat that comes twice", async (broker) => {
  const { faults } = await run(broker.bootstrap, "repeat");
  assertEquals(faults, ["1 duplicate records"]);
});

brokerTest("The load bench compares halves with and without abuse of HTTP", async (broker) => {
  const abuse = ["--http-abuse", "100", "--http-connections", "50", "--minutes", "0.1"];
  const result = await run(broker.bootstrap, "", ...abuse);
  assertEquals(result.faults, []);
  assertEquals(result.abuse!.requests, 300);
  const ended = Object.values(result.abuse!.outcomes).reduce((sum, count) => sum + count, 0);
  assertEquals(ended, 300);
  const { quiet, abused, held } = result.analyser.latencies.parts;
  for (const part of [quiet, abused, held]) assertGreater(part!.H.count, 50);
  assertEquals([result.held!.opened, result.held!.probesFailed], [50, 0]);
  assertGreater(result.held!.residentBytes.most, 0);
  assertGreater(result.resources!.samples, 3);
  const report = renderReport(result);
  assertStringIncludes(report, "| H p99, ms |");
  assertStringIncludes(report, "| 50 connections held for 10 s |");
  assertStringIncludes(report, "| RSS, slope of all samples, MB an hour |");
});

brokerTest("The load bench measures how fast a backlog is caught up with", async (broker) => {
  const result = await run(broker.bootstrap, "", "--catch-up", "400", "--backlog", "0.02");
  assertEquals(result.faults, []);
  assertEquals(result.catchUp!.events, result.generator.events);
  assertGreater(result.catchUp!.eventsPerSecond, 0);
  assertStringIncludes(renderReport(result), "# Catch-up of ");
});
