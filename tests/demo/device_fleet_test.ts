import { assert, assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import { DeviceFleet, type FleetMessage, type FleetOptions } from "../../lib/demo/device_fleet.ts";

const HOUR_MS = 3_600_000;

const OPTIONS: FleetOptions = { devices: 200, seed: 7, speed: 1, initialAgeMs: 30_000 };

/** What the fleet sends within this time, moved on in steps. */
function messagesOf(
  options: FleetOptions,
  time: { readonly untilMs: number; readonly stepMs: number },
): FleetMessage[] {
  const fleet = new DeviceFleet(options);
  const messages: FleetMessage[] = [];
  for (let nowMs = 0; nowMs <= time.untilMs; nowMs += time.stepMs) {
    while (!fleet.advance(nowMs, 50, (message) => messages.push(message)));
  }
  return messages;
}

Deno.test("DeviceFleet sends the same for the same seed, however often it is moved on", () => {
  const often = messagesOf(OPTIONS, { untilMs: HOUR_MS, stepMs: 250 });
  const seldom = messagesOf(OPTIONS, { untilMs: HOUR_MS, stepMs: 60_000 });
  assertGreater(often.length, 500);
  assertEquals(seldom, often);
  assertNotEquals(messagesOf({ ...OPTIONS, seed: 8 }, { untilMs: HOUR_MS, stepMs: 60_000 }), often);
});

Deno.test("DeviceFleet begins with the sessions that are going on, oldest first", () => {
  const first = messagesOf(OPTIONS, { untilMs: 0, stepMs: 1 });
  assert(first.every(({ kind }) => kind === "start"));
  assert(first.every(({ ageMs }) => ageMs > 0 && ageMs <= OPTIONS.initialAgeMs));
  assertEquals(
    first.map(({ ageMs }) => ageMs),
    first.map(({ ageMs }) => ageMs).toSorted((a, b) => b - a),
  );
  // Four fifths of 200.
  assertGreater(first.length, 130);
});

Deno.test("DeviceFleet sends all that a session table has to deal with", () => {
  const messages = messagesOf({ ...OPTIONS, devices: 1_000 }, { untilMs: HOUR_MS, stepMs: 1_000 });
  const kinds = new Set(messages.map(({ kind }) => kind));
  assertEquals([...kinds].sort(), ["end", "garbage", "other", "start"]);
  const seen = new Set<string>();
  const active = new Map<number, number>();
  const met = { repeated: 0, early: 0, superseding: 0 };
  for (const { kind, device, session } of messages) {
    if (kind !== "start" && kind !== "end") continue;
    const name = `${kind} ${session}`;
    if (seen.has(name)) met.repeated++;
    if (kind === "end" && !seen.has(`start ${session}`)) met.early++;
    if (kind === "start") {
      if (active.has(device) && active.get(device) !== session) met.superseding++;
      active.set(device, session);
    } else if (active.get(device) === session) active.delete(device);
    seen.add(name);
  }
  assertGreater(met.repeated, 10);
  assertGreater(met.early, 2);
  assertGreater(met.superseding, 10);
});

Deno.test("DeviceFleet keeps about four fifths of its devices in a session", () => {
  const fleet = new DeviceFleet({ ...OPTIONS, devices: 2_000 });
  const active = new Set<number>();
  const take = ({ kind, device }: FleetMessage) => {
    if (kind === "start") active.add(device);
    if (kind === "end") active.delete(device);
  };
  for (let minute = 0; minute <= 120; minute++) {
    while (!fleet.advance(minute * 60_000, 1_000, take));
    assertGreater(active.size, 1_400);
    assertGreater(1_850, active.size);
  }
});

Deno.test("DeviceFleet at speed 60 does in a minute what it does in an hour", () => {
  const slow = messagesOf(OPTIONS, { untilMs: HOUR_MS, stepMs: 6_000 });
  const fast = messagesOf({ ...OPTIONS, speed: 60 }, { untilMs: HOUR_MS / 60, stepMs: 100 });
  const events = (messages: readonly FleetMessage[]) =>
    messages.filter(({ kind }) => kind !== "garbage").length;
  assertGreater(events(fast), events(slow) * 0.8);
  assertGreater(events(slow) * 1.2, events(fast));
});

Deno.test("DeviceFleet says when it has to be moved on next", () => {
  const fleet = new DeviceFleet(OPTIONS);
  assertEquals(fleet.nextDueMs(), 0);
  while (!fleet.advance(0, 50, () => {}));
  const dueMs = fleet.nextDueMs();
  assertGreater(dueMs, 0);
  let sent = 0;
  assert(fleet.advance(dueMs - 0.001, 50, () => sent++));
  assertEquals(sent, 0);
  assert(fleet.advance(dueMs, 50, () => {}));
  assertGreater(fleet.nextDueMs(), dueMs);
});
