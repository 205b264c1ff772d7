/**
 * The table of active sessions alone, one million of them: inserting, finding, missing, removing.
 *
 * Run: `deno run -A tests/bench/session_table_bench.ts`.
 */
import { ActiveSessions } from "../../lib/core/active_sessions.ts";
import { packId } from "../../lib/core/id_codec.ts";
import { NO_ROW } from "../../lib/core/row_format.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { joinKinds } from "../../lib/core/id_codec.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { DeviceIds, UUID_BYTES } from "./load/device_ids.ts";
import { figure, heading, onceNs, randomReadFloorNs } from "./measure.ts";

const SESSIONS = 1_000_000;
const ID_WORDS = 12;
const NO_BYTES = new Uint8Array(0);

await heading("Session table");
const rows = new SessionRows(0x2545f491);
const active = new ActiveSessions(rows, new SessionBudget(SESSIONS));
// Packed ids of all devices, and as many more that are not there.
const words = new Int32Array(2 * SESSIONS * ID_WORDS);
const bytes = new Uint8Array(UUID_BYTES);
const ids = new DeviceIds(1);
let kind = 0;
for (let n = 0; n < 2 * SESSIONS; n++) {
  ids.writeUuid(bytes, 0, n);
  kind = packId(bytes, 0, UUID_BYTES, words, n * ID_WORDS);
}
const kinds = joinKinds(kind, kind, kind);

const insert = onceNs(() => {
  for (let n = 0; n < SESSIONS; n++) {
    const row = rows.allocate();
    rows.setIds(row, words, n * ID_WORDS, kinds, NO_BYTES);
    rows.setStartedAt(row, n);
    active.link(row, rows.deviceHash(row));
  }
  return SESSIONS;
});
const held = rows.byteLength + active.byteLength;

function findAll(from: number): number {
  let found = 0;
  for (let i = 0; i < SESSIONS; i++) {
    // In an order that is not that of the rows.
    const at = (from + (i * 618_033) % SESSIONS) * ID_WORDS;
    const hash = rows.hashId(kind, words, at, NO_BYTES);
    if (active.find(hash, kind, words, at, NO_BYTES) !== NO_ROW) found++;
  }
  return found;
}

let find = Infinity;
let miss = Infinity;
for (let run = 0; run < 3; run++) {
  find = Math.min(find, onceNs(() => findAll(0)));
  miss = Math.min(
    miss,
    onceNs(() => {
      if (findAll(SESSIONS) !== 0) throw new Error("found what is not there");
      return SESSIONS;
    }),
  );
}
const remove = onceNs(() => {
  for (let row = 0; row < SESSIONS; row++) {
    active.unlink(row, rows.deviceHash(row));
    rows.free(row);
  }
  return SESSIONS;
});
const floor = { value: randomReadFloorNs(held), of: "one read of the same memory" };
figure("insert", insert, "ns", floor);
figure("find, there", find, "ns", floor);
figure("find, not there", miss, "ns", floor);
figure("remove", remove, "ns", floor);
figure("memory a session, without its timer", held / SESSIONS, "bytes", {
  value: 16 * 3 + 16,
  of: "ids, two instants",
});
