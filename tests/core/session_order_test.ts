import { assertEquals } from "@std/assert";
import { compareOrder } from "../../lib/core/session_order.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { stageRow } from "../support/session_table.ts";

/** Oldest first. */
const ORDERED: readonly { orderKeyMs: number; session: string; sessionIsInteger?: boolean }[] = [
  { orderKeyMs: 0, session: "z" },
  { orderKeyMs: 1, session: "-1", sessionIsInteger: true },
  { orderKeyMs: 1, session: "1", sessionIsInteger: true },
  { orderKeyMs: 1, session: "10" },
  { orderKeyMs: 1, session: "10".padEnd(128, "0") },
  { orderKeyMs: 1, session: "2" },
  { orderKeyMs: 1, session: "6fb86ebc-3d88-4e31-b913-ea939acacf56" },
  { orderKeyMs: 1, session: "a" },
  { orderKeyMs: 1, session: "a\u0000" },
  { orderKeyMs: 1, session: "aa" },
  { orderKeyMs: 1, session: "é" },
  { orderKeyMs: 1, session: "\uffee" },
  // As UTF-8 it comes after U+FFEE, as UTF-16 before.
  { orderKeyMs: 1, session: "😀" },
  { orderKeyMs: 2, session: "a" },
  { orderKeyMs: 253_402_300_799_999, session: "0" },
];

Deno.test("compareOrder() goes by order key, then by the id's text as UTF-8 bytes", () => {
  const rows = new SessionRows(1);
  const staged = ORDERED.map((fields) => stageRow(rows, { device: "d", ...fields }));
  for (const [i, a] of staged.entries()) {
    for (const [j, b] of staged.entries()) {
      assertEquals(Math.sign(compareOrder(rows, a, b)), Math.sign(i - j), `${i} and ${j}`);
    }
  }
});

Deno.test("compareOrder() takes an integer and its text for one id", () => {
  const rows = new SessionRows(1);
  const a = stageRow(rows, { device: "d", session: "17", sessionIsInteger: true });
  const b = stageRow(rows, { device: "d", session: "17" });
  assertEquals(compareOrder(rows, a, b), 0);
});
