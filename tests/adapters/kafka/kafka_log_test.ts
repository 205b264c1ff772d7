import { assertEquals } from "@std/assert";
import { kafkajsLogCreator, LogLimiter } from "../../../lib/adapters/kafka/kafka_log.ts";

function collector(): { lines: unknown[]; limiter: LogLimiter; clock: { nowMs: number } } {
  const lines: unknown[] = [];
  const clock = { nowMs: 0 };
  const limiter = new LogLimiter((...line) => lines.push(line), () => clock.nowMs, 1_000);
  return { lines, limiter, clock };
}

Deno.test("LogLimiter writes a line once an interval and says how many it held back", () => {
  const { lines, limiter, clock } = collector();
  for (clock.nowMs = 0; clock.nowMs < 1_000; clock.nowMs += 100) limiter.write("warn", "k", "text");
  limiter.write("warn", "other", "other text");
  limiter.write("warn", "k", "text");
  assertEquals(lines, [
    ["warn", "text", {}],
    ["warn", "other text", {}],
    ["warn", "text", { repeated: 9 }],
  ]);
});

Deno.test("LogLimiter forgets keys rather than keep them without bound", () => {
  const { lines, limiter } = collector();
  for (let n = 0; n < 5_000; n += 1) limiter.write("warn", `k${n}`, "text");
  limiter.write("warn", "k0", "text");
  assertEquals(lines.length, 5_001);
});

Deno.test("kafkajsLogCreator() lets no field through but the broker's address", () => {
  const { lines, limiter } = collector();
  kafkajsLogCreator(limiter)()({
    namespace: "Connection",
    level: 1,
    log: { message: "Failed", broker: "b:9092", sasl: { password: "secret" }, payload: "secret" },
  });
  assertEquals(lines, [["warn", "kafkajs: Failed", { broker: "b:9092" }]]);
});
