import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ByteWriter } from "../../lib/core/byte_writer.ts";
import {
  type EarlyEnd,
  type InputPosition,
  type Position,
  POSITION_VERSION,
  PositionError,
  readInputPositions,
  readPosition,
  readShardPosition,
  writeEarlyEnd,
  writeInputPositions,
  writePositionHead,
} from "../../lib/core/position.ts";
import { Random } from "../support/random.ts";

const T0 = Date.UTC(2025, 10, 1);

Deno.test("readPosition() reads back what is written", () => {
  const random = new Random(1);
  for (let i = 0; i < 1000; i++) {
    const position = draw(random);
    assertEquals(readPosition(write(position)), position);
    const { inputs: _, ...ofShard } = position;
    assertEquals(readShardPosition(write(position)), ofShard);
  }
});

Deno.test("readPosition() reads back numbers as large as they come", () => {
  const huge = 2 ** 53 - 1;
  const position: Position = {
    ...draw(new Random(2)),
    producerId: huge,
    epoch: 32_767,
    batchNumber: huge,
    maxDurationMs: huge,
    clockMs: 253_402_300_799_999,
    restoreOffset: huge,
    endClocksMs: [253_402_300_799_999, 0],
    inputs: [{ topic: "größe", partition: 0x7fffffff, offset: huge }],
  };
  assertEquals(readPosition(write(position)), position);
});

Deno.test("readPosition() refuses a newer version by name", () => {
  for (const version of [POSITION_VERSION + 1, 200]) {
    const bytes = write(draw(new Random(3)));
    bytes[0] = version;
    const error = assertThrows(() => readPosition(bytes), PositionError) as PositionError;
    assertEquals(error.code, "newer_version");
    assertStringIncludes(error.message, `its version is ${version}`);
    assertStringIncludes(error.message, `knows ${POSITION_VERSION}`);
  }
});

Deno.test("readPosition() reads version 1, which does not tell how many sessions are active", () => {
  const position = { ...draw(new Random(6), 2), endClocksMs: [], earlyEnds: [], inputs: [] };
  const writer = new ByteWriter();
  writer.writeByte(1);
  writer.writeText(position.layout);
  for (
    const number of [
      position.producerId,
      position.epoch,
      position.batchNumber,
      position.shards,
      position.heartbeatIntervalMs,
      position.maxDurationMs,
      position.graceMs,
      position.clockMs,
      position.restoreOffset,
      0, // ends
      0, // early ends
      0, // topics
    ]
  ) writer.writeVarint(number);
  assertEquals(readPosition(writer.view().slice()), { ...position, activeSessions: -1 });
});

Deno.test("readPosition() refuses every position that is cut off or goes on", () => {
  const random = new Random(4);
  for (let i = 0; i < 60; i++) {
    const bytes = write(draw(random, 2));
    for (let length = 0; length < bytes.length; length++) assertDamaged(bytes.slice(0, length));
    assertDamaged(new Uint8Array([...bytes, 0]));
  }
});

Deno.test("readPosition() does not stumble over any changed byte", () => {
  const random = new Random(5);
  let damaged = 0;
  for (let i = 0; i < 40; i++) {
    const bytes = write(draw(random, 2));
    for (let at = 1; at < bytes.length; at++) {
      for (const change of [1, 0x40, 0x80, 0xff]) {
        const changed = bytes.slice();
        changed[at] = changed[at]! ^ change;
        if (!isReadable(changed)) damaged++;
      }
    }
  }
  assert(damaged > 1000, `${damaged}`);
});

Deno.test("readPosition() takes no time for counts that lie", () => {
  // Version, an empty layout, ten numbers, and then 2^40 ends.
  const writer = new ByteWriter();
  writer.writeByte(POSITION_VERSION);
  writer.writeText("");
  for (let i = 0; i < 10; i++) writer.writeVarint(0);
  writer.writeVarint(2 ** 40);
  assertDamaged(writer.view().slice());
});

Deno.test("readInputPositions() reads back inputs, grouped by topic, from any place", () => {
  const inputs: InputPosition[] = [
    { topic: "b", partition: 1, offset: 5 },
    { topic: "a", partition: 0, offset: 7 },
    { topic: "b", partition: 0, offset: 2 ** 40 },
  ];
  const writer = new ByteWriter();
  writer.writeText("before");
  const from = writer.length;
  writeInputPositions(writer, inputs);
  assertEquals(readInputPositions(writer.view(), from), [inputs[0]!, inputs[2]!, inputs[1]!]);
  assertEquals(readInputPositions(writer.view().subarray(0, writer.length - 1), from), null);
  assertEquals(readInputPositions(writer.view(), writer.length), null);
});

function assertDamaged(bytes: Uint8Array): void {
  const error = assertThrows(() => readPosition(bytes), PositionError) as PositionError;
  assertEquals(error.code, "damaged");
}

function isReadable(bytes: Uint8Array): boolean {
  try {
    readPosition(bytes);
    return true;
  } catch (error) {
    if (error instanceof PositionError) return false;
    throw error;
  }
}

function draw(random: Random, listMax = 70): Position {
  const clockMs = T0 + random.int(0, 1e9);
  const earlyEnd = (): EarlyEnd => ({
    deviceId: random.bytes(random.pick(listMax > 3 ? [1, 36, 256] : [1, 4])),
    sessionId: random.bytes(random.pick(listMax > 3 ? [1, 10, 128] : [1, 4])),
    sessionIdIsInteger: random.chance(0.5),
    atMs: T0 - random.int(0, 1e9),
    reportedDurationMs: random.pick([NaN, 0, 1, 1e12]),
    clockMs: clockMs - random.int(0, 5000),
  });
  const list = <T>(draw: () => T) =>
    Array.from({ length: random.pick([0, 0, 1, 3, listMax]) }, draw);
  const topics = random.pick([[], ["events"], ["pc_sessions", "console_sessions"]]);
  return {
    layout: random.pick(["plain", "rtm-gaming"]),
    producerId: random.int(0, 1e9),
    epoch: random.int(0, 32_767),
    batchNumber: random.int(0, 1e12),
    shards: random.int(1, 300),
    heartbeatIntervalMs: random.int(1, 1e8),
    maxDurationMs: random.int(1, 1e9),
    graceMs: random.int(0, 1e8),
    clockMs,
    restoreOffset: random.int(0, 1e12),
    activeSessions: random.int(0, 1e8),
    endClocksMs: list(() => clockMs - random.int(0, 99_999)),
    earlyEnds: list(earlyEnd),
    inputs: topics.flatMap((topic) =>
      Array.from({ length: random.int(1, 20) }, (_, partition) => ({
        topic,
        partition,
        offset: random.int(0, 1e12),
      }))
    ),
  };
}

function write(position: Position): Uint8Array {
  const writer = new ByteWriter(8);
  writePositionHead(writer, { ...position, earlyEndCount: position.earlyEnds.length });
  for (const end of position.earlyEnds) writeEarlyEnd(writer, end);
  writeInputPositions(writer, position.inputs);
  return writer.view().slice();
}
