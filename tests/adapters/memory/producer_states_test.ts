import { assertEquals } from "@std/assert";
import { ProducerStates } from "../../../lib/adapters/memory/producer_states.ts";

const SEQUENCE_MAX = 2_147_483_647;

function batch(epoch: number, baseSequence: number, recordCount = 1, producerId = 7) {
  return { producerId, epoch, baseSequence, recordCount };
}

Deno.test("ProducerStates.judge() lets an unknown producer start anywhere", () => {
  assertEquals(new ProducerStates().judge(batch(3, 500)), { kind: "append" });
});

Deno.test("ProducerStates.judge() wraps sequences after 2^31 - 1, also inside a batch", () => {
  const states = new ProducerStates();
  states.appended(batch(0, SEQUENCE_MAX - 1, 4), 100);
  assertEquals(states.judge(batch(0, SEQUENCE_MAX - 1, 4)), { kind: "duplicate", baseOffset: 100 });
  assertEquals(states.judge(batch(0, 2)), { kind: "append" });
  assertEquals(states.judge(batch(0, 3)), { kind: "out_of_order" });
  states.appended(batch(0, 2, SEQUENCE_MAX - 2 + 1), 104);
  assertEquals(states.judge(batch(0, 0)), { kind: "append" });
});

Deno.test("ProducerStates.judge() knows the last five batches again, and none before", () => {
  const states = new ProducerStates();
  for (let i = 0; i < 6; i++) states.appended(batch(0, 10 * i, 10), 1_000 + i);
  assertEquals(states.judge(batch(0, 0, 10)), { kind: "out_of_order" });
  for (let i = 1; i < 6; i++) {
    assertEquals(states.judge(batch(0, 10 * i, 10)), { kind: "duplicate", baseOffset: 1_000 + i });
  }
  assertEquals(states.judge(batch(0, 50, 9)), { kind: "out_of_order" });
});

Deno.test("ProducerStates.judge() fences lower epochs and starts higher ones at 0", () => {
  const states = new ProducerStates();
  states.appended(batch(4, 0, 3), 0);
  assertEquals(states.judge(batch(3, 3)), { kind: "fenced" });
  assertEquals(states.judge(batch(5, 3)), { kind: "out_of_order" });
  assertEquals(states.judge(batch(5, 0)), { kind: "append" });
  assertEquals(states.judge(batch(3, 0, 1, 8)), { kind: "append" });
});

Deno.test("ProducerStates.marked() fences without any data, and a repeated mark changes nothing", () => {
  const states = new ProducerStates();
  states.marked(7, 2);
  assertEquals(states.judge(batch(1, 0)), { kind: "fenced" });
  assertEquals(states.judge(batch(2, 1)), { kind: "out_of_order" });
  states.appended(batch(2, 0, 5), 10);
  states.marked(7, 2);
  assertEquals(states.judge(batch(2, 0, 5)), { kind: "duplicate", baseOffset: 10 });
  assertEquals(states.judge(batch(2, 5)), { kind: "append" });
  states.marked(7, 3);
  assertEquals(states.judge(batch(2, 5)), { kind: "fenced" });
  assertEquals(states.judge(batch(3, 0)), { kind: "append" });
});
