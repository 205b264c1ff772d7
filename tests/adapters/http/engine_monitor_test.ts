import { assertEquals, assertRejects } from "@std/assert";
import { EngineMonitor } from "../../../lib/adapters/http/engine_monitor.ts";
import { CallRefusedError } from "../../../lib/adapters/http/bounded_calls.ts";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";
import { EngineUnavailableError } from "../../../lib/ports/engine_queries.ts";
import { FakeEngine } from "../../support/fake_engine.ts";
import { instantOf } from "./app_under_test.ts";

function monitorUnderTest(): { engine: FakeEngine; clock: ManualClock; monitor: EngineMonitor } {
  const clock = new ManualClock();
  const engine = new FakeEngine(() => instantOf(clock));
  const monitor = new EngineMonitor({ engine, clock, timeoutMs: 2_000, reuseMs: 200 });
  return { engine, clock, monitor };
}

Deno.test("EngineMonitor asks the engine once for many who ask at the same time", async () => {
  const { engine, clock, monitor } = monitorUnderTest();
  await Promise.all(Array.from({ length: 50 }, () => monitor.status()));
  assertEquals(engine.asked.status, 1);
  clock.advance(199);
  await monitor.status();
  assertEquals(engine.asked.status, 1);
  clock.advance(1);
  await monitor.status();
  assertEquals(engine.asked.status, 2);
});

Deno.test("EngineMonitor asks each time while the engine starts, so that its start shows at once", async () => {
  const { engine, monitor } = monitorUnderTest();
  engine.metrics.started = false;
  assertEquals((await monitor.status()).started, false);
  engine.metrics.started = true;
  assertEquals((await monitor.status()).started, true);
});

Deno.test("EngineMonitor has one question open at most while the engine is silent", async () => {
  const { engine, clock, monitor } = monitorUnderTest();
  engine.silent = true;
  for (let i = 0; i < 3; i++) {
    const asked = monitor.status();
    clock.advance(2_000);
    const error = await assertRejects(() => asked, CallRefusedError);
    assertEquals(error.code, "timeout");
  }
  assertEquals(engine.asked.status, 1);
  engine.release();
  assertEquals((await monitor.status()).phase, "running");
});

Deno.test("EngineMonitor polls once a second between start and stop and leaves no timer behind", async () => {
  const { engine, clock, monitor } = monitorUnderTest();
  monitor.start();
  monitor.start();
  await monitor.status();
  for (let i = 0; i < 5; i++) {
    clock.advance(1_000);
    await monitor.status();
  }
  assertEquals(engine.asked.status, 6);
  assertEquals(monitor.window.rates()!.windowMs, 5_000);
  monitor.stop();
  await Promise.resolve();
  clock.advance(10_000);
  assertEquals(engine.asked.status, 6);
  assertEquals(clock.nextWakeMs(), null);
});

Deno.test("EngineMonitor passes on why the engine cannot answer and asks again next time", async () => {
  const { engine, monitor } = monitorUnderTest();
  engine.failure = new EngineUnavailableError("The engine has ended", { retryable: false });
  await assertRejects(() => monitor.status(), EngineUnavailableError);
  engine.failure = null;
  assertEquals((await monitor.status()).started, true);
});
