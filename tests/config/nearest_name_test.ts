import { assertEquals } from "@std/assert";
import { CONFIG_KEYS } from "../../lib/config/config_schema.ts";
import { nearestName } from "../../lib/config/nearest_name.ts";

const MEANT: readonly (readonly [written: string, meant: string | null])[] = [
  ["heartbeatIntervall", "heartbeatInterval"],
  ["heartbeat_interval", "heartbeatInterval"],
  ["HeartBeatInterval", "heartbeatInterval"],
  ["hearbeatInterval", "heartbeatInterval"],
  ["garce", "grace"],
  ["max", "maxDuration"],
  ["maxduration", "maxDuration"],
  ["gracePeriod", "grace"],
  ["timeout", null],
  ["", null],
  ["x".repeat(1000), null],
];

for (const [written, meant] of MEANT) {
  Deno.test(`nearestName() takes ${JSON.stringify(written.slice(0, 20))} for ${meant}`, () => {
    const names = ["heartbeatInterval", "maxDuration", "grace", "missed"];
    assertEquals(nearestName(written, names), meant);
  });
}

Deno.test("nearestName() finds every key with one letter left out, doubled or exchanged", () => {
  for (const key of CONFIG_KEYS) {
    const middle = Math.floor(key.length / 2);
    const slips = [
      key.slice(0, middle) + key.slice(middle + 1),
      key.slice(0, middle) + key[middle] + key.slice(middle),
      key.slice(0, middle) + "#" + key.slice(middle + 1),
    ];
    for (const slip of slips) assertEquals(nearestName(slip, CONFIG_KEYS), key);
  }
});
