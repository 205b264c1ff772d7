import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  CHECKPOINT_VERSION,
  CheckpointChunkWriter,
  CheckpointError,
  type CheckpointManifest,
  decodeManifest,
  encodeManifest,
  readChunk,
} from "../../lib/core/checkpoint_codec.ts";
import { ROW_ACTIVE, ROW_EARLY_END, ROW_ENDED } from "../../lib/core/row_format.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";
import { stageRow, textOf } from "../support/session_table.ts";

const CHUNK_BYTES_MAX = 60_000;
const MANIFEST: CheckpointManifest = {
  version: CHECKPOINT_VERSION,
  shard: 3,
  shards: 16,
  heartbeatIntervalMs: 30_000,
  clockMs: Date.UTC(2025, 10, 1),
  logFrom: 2 ** 40,
  logTo: 2 ** 40 + 5,
  batchNumber: -1,
  producerId: -1,
  epoch: -1,
  isExact: true,
  stateHash: "0123456789abcdef",
  rows: 4_000_000,
  earlyEndsUnwritten: 7,
  inputs: [
    { topic: "a", partition: 0, offset: 2 ** 50 },
    { topic: "a", partition: 1, offset: 0 },
    { topic: "größe", partition: 5, offset: 9 },
  ],
};

Deno.test("decodeManifest() reads back what encodeManifest() wrote", () => {
  assertEquals(decodeManifest(encodeManifest(MANIFEST)), MANIFEST);
  const other = { ...MANIFEST, version: 1, isExact: false, inputs: [], stateHash: "" };
  assertEquals(decodeManifest(encodeManifest(other)), other);
});

Deno.test("decodeManifest() names the version of a newer program", () => {
  for (const version of [0, CHECKPOINT_VERSION + 1, 255]) {
    const bytes = encodeManifest(MANIFEST);
    bytes[0] = version;
    const error = assertThrows(() => decodeManifest(bytes), CheckpointError) as Error;
    assertStringIncludes(error.message, `version is ${version}`);
  }
});

Deno.test("decodeManifest() refuses every manifest that is cut off", () => {
  const bytes = encodeManifest(MANIFEST);
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => decodeManifest(bytes.slice(0, length)), CheckpointError);
  }
});

Deno.test("decodeManifest() does not stumble over any changed byte", () => {
  const bytes = encodeManifest(MANIFEST);
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (let change = 1; change < 256; change++) {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ change;
      if (!passes(() => decodeManifest(changed))) refused++;
    }
  }
  assert(refused > 1000, `${refused}`);
});

Deno.test("readChunk() reads back the rows of a chunk writer, whatever their ids", () => {
  const random = new Random(1);
  const from = new SessionRows(1);
  const to = new SessionRows(2);
  const writer = new CheckpointChunkWriter(CHUNK_BYTES_MAX);
  const staged = Array.from({ length: 3000 }, (_, i) => {
    const row = stageRow(from, {
      device: randomIdText(random, 256),
      session: randomIdText(random, 128),
      account: random.chance(0.3) ? null : randomIdText(random, 128),
      startedAtMs: random.int(0, 2 ** 50),
      orderKeyMs: random.int(0, 2 ** 50),
    });
    from.setState(row, [ROW_ACTIVE, ROW_ENDED, ROW_EARLY_END][i % 3]!);
    if (i % 3 === 2) from.setReportedDurationMs(row, random.pick([NaN, 0, 1e12]));
    return row;
  });
  const chunks: Uint8Array[] = [];
  for (const row of staged) {
    writer.add(from, row);
    if (!writer.hasRoom()) chunks.push(writer.take());
  }
  chunks.push(writer.take());
  assert(chunks.length > 5, `${chunks.length}`);
  const read: number[] = [];
  for (const [i, chunk] of chunks.entries()) {
    assert(chunk.length <= CHUNK_BYTES_MAX, `${chunk.length}`);
    // As a view at any place, as a store may hand it out.
    const place = new Uint8Array(chunk.length + 8);
    place.set(chunk, i % 8);
    readChunk(place.subarray(i % 8, i % 8 + chunk.length), to, (row) => read.push(row));
  }
  assertEquals(read.map((row) => fieldsOf(to, row)), staged.map((row) => fieldsOf(from, row)));
});

Deno.test("CheckpointChunkWriter fills chunks of rows with short and with the longest ids", () => {
  for (const character of ["a", "x".repeat(128)]) {
    const rows = new SessionRows(1);
    const row = stageRow(rows, {
      device: character + character,
      session: character,
      account: character,
    });
    const writer = new CheckpointChunkWriter(CHUNK_BYTES_MAX);
    while (writer.hasRoom()) writer.add(rows, row);
    const chunk = writer.take();
    assert(
      chunk.length <= CHUNK_BYTES_MAX && chunk.length > CHUNK_BYTES_MAX - 1200,
      `${chunk.length}`,
    );
    assertEquals([writer.count, writer.hasRoom()], [0, true]);
  }
});

Deno.test("readChunk() refuses every chunk that is cut off", () => {
  const chunk = sampleChunk();
  for (let length = 0; length < chunk.length; length++) {
    const error = refusal(chunk.slice(0, length));
    assertInstanceOf(error, CheckpointError, `${length} of ${chunk.length}`);
  }
});

Deno.test("readChunk() throws nothing but CheckpointError for any changed byte", () => {
  const chunk = sampleChunk();
  let refused = 0;
  for (let at = 0; at < chunk.length; at++) {
    for (const change of [1, 0x12, 0x7f, 0x80, 0xff]) {
      const changed = chunk.slice();
      changed[at] = changed[at]! ^ change;
      const error = refusal(changed);
      if (error === null) continue;
      assertInstanceOf(error, CheckpointError, `byte ${at} by ${change}: ${error}`);
      refused++;
    }
  }
  assert(refused > 50, `${refused}`);
});

/** Long ids, short ids, a UUID. */
function sampleChunk(): Uint8Array {
  const rows = new SessionRows(1);
  const writer = new CheckpointChunkWriter(CHUNK_BYTES_MAX);
  const fields = [
    { device: "d".repeat(200), session: "s".repeat(128), account: "a".repeat(17) },
    { device: "6fb86ebc-3d88-4e31-b913-ea939acacf56", session: "17", account: null },
    { device: "a device of no kind", session: "12345678901234567890", account: "" },
  ];
  for (const ids of fields) {
    const row = stageRow(rows, ids);
    rows.setState(row, ROW_ACTIVE);
    writer.add(rows, row);
  }
  return writer.take();
}

/** What reading the chunk, and all of its rows, throws. */
function refusal(chunk: Uint8Array): unknown {
  const rows = new SessionRows(1);
  try {
    readChunk(chunk, rows, (row) => fieldsOf(rows, row));
    return null;
  } catch (error) {
    return error;
  }
}

function passes(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}

function fieldsOf(rows: SessionRows, row: number): unknown {
  return [
    textOf(rows, row, "writeDevice"),
    textOf(rows, row, "writeSession"),
    textOf(rows, row, "writeAccount"),
    rows.deviceKind(row),
    rows.sessionKind(row),
    rows.accountKind(row),
    rows.state(row),
    rows.startedAt(row),
    rows.orderKey(row),
    rows.reportedDurationMs(row),
    rows.deviceHash(row) === rows.deviceHash(row),
  ];
}
