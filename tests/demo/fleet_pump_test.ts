import { assertEquals, assertGreater } from "@std/assert";
import { ManualClock } from "../../lib/adapters/memory/manual_clock.ts";
import { PLAIN_EVENT_LAYOUT } from "../../lib/core/event_layout.ts";
import type { RecordInput } from "../../lib/core/record_batch_encoder.ts";
import { DeviceFleet } from "../../lib/demo/device_fleet.ts";
import type { EventLog } from "../../lib/demo/event_log.ts";
import { EventText } from "../../lib/demo/event_text.ts";
import { FleetPump } from "../../lib/demo/fleet_pump.ts";

const NOW_MS = Date.UTC(2025, 10, 1);

class ListLog implements EventLog {
  readonly partitions = 2;
  readonly records: RecordInput[] = [];
  isFull = false;

  freeBytes(): number {
    return this.isFull ? 0 : Infinity;
  }

  append(_partition: number, records: readonly RecordInput[]): boolean {
    if (this.isFull) return false;
    this.records.push(...records);
    return true;
  }
}

function pumpInto(log: EventLog, clock: ManualClock): FleetPump {
  const fleet = new DeviceFleet({ devices: 100, seed: 1, speed: 1, initialAgeMs: 30_000 });
  const text = new EventText({ layout: PLAIN_EVENT_LAYOUT, seed: 1 });
  return new FleetPump({ fleet, topics: [{ log, text }], clock });
}

Deno.test("FleetPump writes what lay in the topic before, with the times it was sent at", async () => {
  const clock = new ManualClock(NOW_MS);
  const log = new ListLog();
  const pump = pumpInto(log, clock);
  pump.start();
  await pump.underWay;
  assertGreater(log.records.length, 60);
  const ages = log.records.map(({ timestampMs }) => NOW_MS - timestampMs);
  assertGreater(30_001, Math.max(...ages));
  assertGreater(Math.min(...ages), -1);
  pump.stop();
});

Deno.test("FleetPump writes events as the clock goes on, and none after it was stopped", () => {
  const clock = new ManualClock(NOW_MS);
  const log = new ListLog();
  const pump = pumpInto(log, clock);
  pump.start();
  const before = log.records.length;
  clock.advance(600_000);
  assertGreater(log.records.length, before + 50);
  const ages = log.records.slice(before).map(({ timestampMs }) => timestampMs - NOW_MS);
  assertEquals(ages, ages.toSorted((a, b) => a - b));
  pump.stop();
  const stopped = log.records.length;
  clock.advance(600_000);
  assertEquals(log.records.length, stopped);
});

Deno.test("FleetPump loses and repeats nothing while the topic takes no more", () => {
  const values = (isFullFor: number) => {
    const clock = new ManualClock(NOW_MS);
    const log = new ListLog();
    const pump = pumpInto(log, clock);
    log.isFull = isFullFor > 0;
    pump.start();
    clock.advance(isFullFor);
    log.isFull = false;
    clock.advance(600_000 - isFullFor);
    pump.stop();
    const decoder = new TextDecoder();
    // Their times differ, since devices wait.
    return log.records.map(({ value }) =>
      decoder.decode(value!).replace(/"timestamp":"[^"]*"/, "")
    );
  };
  assertEquals(values(60_000).sort(), values(0).sort());
});
