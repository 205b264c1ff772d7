import { assertEquals } from "@std/assert";
import { ActiveSessions } from "../../lib/core/active_sessions.ts";
import { NO_ROW, ROW_ACTIVE, ROW_STAGED } from "../../lib/core/row_format.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { packIds, randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";
import { stageRow } from "../support/session_table.ts";

/** Rows whose devices all have one of a few hashes: every probe meets others' keys. */
class CollidingRows extends SessionRows {
  override deviceHash(row: number): number {
    return super.deviceHash(row) & 3;
  }

  override hashId(kind: number, words: Int32Array, at: number, bytes: Uint8Array): number {
    return super.hashId(kind, words, at, bytes) & 3;
  }
}

const TABLES = [
  { name: "good hashes", rows: () => new SessionRows(1), devices: 5000, steps: 300_000 },
  { name: "four hashes for all", rows: () => new CollidingRows(1), devices: 200, steps: 60_000 },
];

for (const { name, rows: newRows, devices, steps } of TABLES) {
  Deno.test(`ActiveSessions hold what a Map holds, with ${name}`, () => {
    const random = new Random(1);
    const rows = newRows();
    const budget = new SessionBudget(1_000_000);
    const active = new ActiveSessions(rows, budget);
    const names = [...new Set(Array.from({ length: devices }, () => randomIdText(random, 256)))];
    const packed = new Map(names.map((device) => [device, packIds({ device, session: "1" })]));
    const map = new Map<string, number>();
    const find = (device: string) => {
      const { words, deviceKind, longBytes } = packed.get(device)!;
      return active.find(
        rows.hashId(deviceKind, words, 0, longBytes),
        deviceKind,
        words,
        0,
        longBytes,
      );
    };
    for (let step = 0; step < steps; step++) {
      const device = random.pick(names);
      const known = map.get(device);
      assertEquals(find(device), known ?? NO_ROW);
      if (known === undefined) {
        if (random.fraction() > (1 + Math.sin(step / 20_000)) / 2) continue;
        const row = stageRow(rows, { device, session: `${step}`, startedAtMs: step });
        active.link(row, rows.deviceHash(row));
        map.set(device, row);
        assertEquals(rows.state(row), ROW_ACTIVE);
      } else if (random.chance(0.5)) {
        assertEquals(active.hasDeviceOf(known, rows.deviceHash(known)), true);
        active.unlink(known, rows.deviceHash(known));
        assertEquals(active.hasDeviceOf(known, rows.deviceHash(known)), false);
        assertEquals(rows.state(known), ROW_STAGED);
        rows.free(known);
        map.delete(device);
      }
      assertEquals([active.size, budget.active], [map.size, map.size]);
    }
    const visited: number[] = [];
    active.forEach((row) => visited.push(row));
    assertEquals(visited, [...map.values()].sort((a, b) => a - b));
    for (const device of names) assertEquals(find(device), map.get(device) ?? NO_ROW);
    const { size } = active;
    assertEquals(size > 0, true);
    active.discard();
    assertEquals(budget.active, 0);
  });
}
