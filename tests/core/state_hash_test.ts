import { assertEquals, assertNotEquals } from "@std/assert";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { StateHash } from "../../lib/core/state_hash.ts";
import { Random } from "../support/random.ts";
import { type RowFields, stageRow } from "../support/session_table.ts";

const T0 = Date.UTC(2025, 10, 1);
const SESSION: RowFields = {
  device: "device",
  session: "17",
  sessionIsInteger: true,
  account: "account",
  startedAtMs: T0,
  orderKeyMs: T0,
};

Deno.test("StateHash does not depend on the order in which sessions come and go", () => {
  const random = new Random(1);
  const sessions = Array.from({ length: 200 }, (_, i) => ({ ...SESSION, device: `d${i}` }));
  const hashOf = (seed: number) => {
    const rows = new SessionRows(seed);
    const hash = new StateHash();
    for (const session of random.shuffle(sessions)) hash.add(rows, stageRow(rows, session));
    // Others that have come and gone meanwhile.
    const gone = Array.from(
      { length: 50 },
      (_, i) => stageRow(rows, { ...SESSION, session: `${i}` }),
    );
    for (const row of gone) hash.add(rows, row);
    for (const row of random.shuffle(gone)) hash.remove(rows, row);
    return hash.toString();
  };
  const hash = hashOf(1);
  for (let seed = 2; seed < 10; seed++) assertEquals(hashOf(seed), hash);
});

const CHANGES: readonly (readonly [field: string, changed: Partial<RowFields>])[] = [
  ["device", { device: "devicf" }],
  ["session", { session: "18" }],
  ["account", { account: "accounu" }],
  ["missing account", { account: null }],
  ["empty account", { account: "" }],
  ["startedAt", { startedAtMs: T0 + 1 }],
  ["startedAt, 2^32 ms apart", { startedAtMs: T0 + 2 ** 32 }],
  ["order key", { orderKeyMs: T0 - 1 }],
];

for (const [field, changed] of CHANGES) {
  Deno.test(`StateHash tells sessions of another ${field} apart`, () => {
    assertNotEquals(hashOf({ ...SESSION, ...changed }), hashOf(SESSION));
  });
}

Deno.test("StateHash is the same for one text of an id, integer or not", () => {
  assertEquals(hashOf({ ...SESSION, sessionIsInteger: false }), hashOf(SESSION));
});

Deno.test("StateHash of no session is 0, and its text is its value in hexadecimal", () => {
  assertEquals([new StateHash().value(), new StateHash().toString()], [0n, "0".repeat(16)]);
  const rows = new SessionRows(1);
  const hash = new StateHash();
  hash.add(rows, stageRow(rows, SESSION));
  assertEquals(BigInt(`0x${hash}`), hash.value());
});

function hashOf(session: RowFields): string {
  const rows = new SessionRows(1);
  const hash = new StateHash();
  hash.add(rows, stageRow(rows, session));
  return hash.toString();
}
