import { assertEquals } from "@std/assert";
import {
  type InFlightBatch,
  ShardWriter,
  type WriterVerdict,
} from "../../lib/engine/shard_writer.ts";
import type { ProduceResult } from "../../lib/ports/output_log.ts";

type Answer = ProduceResult["kind"] | "none" | "denied";
type Verdict = WriterVerdict["kind"];

const RESULTS: Record<Answer, ProduceResult | null> = {
  none: null,
  acknowledged: { kind: "acknowledged", baseOffset: 40 },
  retriable: { kind: "retriable", reason: "no leader" },
  out_of_order: { kind: "out_of_order" },
  fenced: { kind: "fenced", reason: "a newer owner" },
  rejected: { kind: "rejected", cause: "too_large", reason: "too large" },
  denied: { kind: "rejected", cause: "access", reason: "no right to write" },
};

/** By the answer to the first batch, then by that to the second: what is to be done. */
const VERDICTS: Record<Answer, Record<Answer | "alone", Verdict>> = {
  none: {
    alone: "wait",
    none: "wait",
    acknowledged: "wait",
    retriable: "wait",
    out_of_order: "wait",
    fenced: "wait",
    rejected: "wait",
    denied: "wait",
  },
  acknowledged: {
    alone: "acknowledged",
    none: "acknowledged",
    acknowledged: "acknowledged",
    retriable: "acknowledged",
    out_of_order: "acknowledged",
    fenced: "acknowledged",
    rejected: "acknowledged",
    denied: "acknowledged",
  },
  retriable: {
    alone: "resend",
    // Its answer could be taken for one to the next sending.
    none: "wait",
    // The first is in the log after all: the broker will say so.
    acknowledged: "resend",
    retriable: "resend",
    // That only says that the first is missing.
    out_of_order: "resend",
    fenced: "fenced",
    rejected: "resend",
    denied: "resend",
  },
  out_of_order: {
    alone: "recover",
    none: "recover",
    acknowledged: "recover",
    retriable: "recover",
    out_of_order: "recover",
    fenced: "recover",
    rejected: "recover",
    denied: "recover",
  },
  fenced: {
    alone: "fenced",
    none: "fenced",
    acknowledged: "fenced",
    retriable: "fenced",
    out_of_order: "fenced",
    fenced: "fenced",
    rejected: "fenced",
    denied: "fenced",
  },
  rejected: {
    alone: "recover",
    none: "recover",
    acknowledged: "recover",
    retriable: "recover",
    out_of_order: "recover",
    fenced: "recover",
    rejected: "recover",
    denied: "recover",
  },
  denied: {
    alone: "resend",
    none: "wait",
    acknowledged: "resend",
    retriable: "resend",
    out_of_order: "resend",
    fenced: "fenced",
    rejected: "resend",
    denied: "resend",
  },
};

/** Once the first batch is in the log, by the answer to the second. */
const VERDICTS_AFTER_FIRST: Record<Answer, Verdict> = {
  none: "wait",
  acknowledged: "acknowledged",
  retriable: "resend",
  out_of_order: "recover",
  fenced: "fenced",
  rejected: "recover",
  denied: "resend",
};

for (const [first, row] of Object.entries(VERDICTS) as [Answer, Record<Answer, Verdict>][]) {
  for (const [second, verdict] of Object.entries(row) as [Answer | "alone", Verdict][]) {
    const other = second === "alone" ? "no second" : `${second} for the second`;
    Deno.test(`ShardWriter.settle() says ${verdict} for ${first} and ${other}`, () => {
      const writer = inFlight(second === "alone" ? 1 : 2);
      answer(writer, 0, first);
      if (second !== "alone") answer(writer, 1, second);
      assertEquals(writer.settle().kind, verdict);
    });
  }
}

for (const [second, verdict] of Object.entries(VERDICTS_AFTER_FIRST) as [Answer, Verdict][]) {
  Deno.test(`ShardWriter.settle() says ${verdict} for ${second} once the first is in the log`, () => {
    const writer = inFlight(2);
    answer(writer, 0, "acknowledged");
    answer(writer, 1, second);
    assertEquals(writer.settle(), { kind: "acknowledged", baseOffset: 40 });
    assertEquals(writer.settle().kind, verdict);
  });
}

Deno.test("ShardWriter.settle() says why", () => {
  const reasonOf = (first: Answer, second: Answer) => {
    const writer = inFlight(2);
    answer(writer, 0, first);
    answer(writer, 1, second);
    const verdict = writer.settle();
    return "reason" in verdict ? verdict.reason : null;
  };
  assertEquals(reasonOf("fenced", "none"), "a newer owner");
  assertEquals(reasonOf("retriable", "fenced"), "a newer owner");
  assertEquals(reasonOf("retriable", "retriable"), "no leader");
  assertEquals(reasonOf("rejected", "none"), "too large");
});

Deno.test("ShardWriter sends the first batch of an epoch alone, and then four", () => {
  const writer = new ShardWriter<InFlightBatch>();
  assertEquals(writer.canSend(), true);
  writer.sent(batch(1));
  assertEquals(writer.canSend(), false);
  answer(writer, 0, "acknowledged");
  writer.settle();
  for (let i = 0; i < 4; i++) {
    assertEquals(writer.canSend(), true);
    writer.sent(batch(1));
  }
  assertEquals(writer.canSend(), false);
  writer.reset();
  writer.sent(batch(1));
  assertEquals(writer.canSend(), false);
});

Deno.test("ShardWriter sends nothing new behind a later batch that failed before the first was answered", () => {
  const writer = inFlight(2);
  answer(writer, 1, "out_of_order");
  assertEquals(writer.canSend(), false);
});

Deno.test("ShardWriter sends nothing new behind a batch that failed", () => {
  const writer = inFlight(1);
  assertEquals(writer.canSend(), true);
  answer(writer, 0, "retriable");
  assertEquals(writer.canSend(), false);
  writer.resend();
  assertEquals(writer.canSend(), true);
});

Deno.test("ShardWriter.resend() forgets the answers to the sending before", () => {
  const writer = inFlight(2);
  answer(writer, 0, "retriable");
  answer(writer, 1, "out_of_order");
  writer.resend();
  assertEquals(writer.settle().kind, "wait");
  answer(writer, 1, "acknowledged");
  assertEquals(writer.settle().kind, "wait");
  answer(writer, 0, "acknowledged");
  assertEquals([writer.settle().kind, writer.settle().kind], ["acknowledged", "acknowledged"]);
  assertEquals(writer.inFlight.length, 0);
});

Deno.test("ShardWriter numbers its records from 0 to 2^31 - 1 and goes on at 0", () => {
  const writer = new ShardWriter<InFlightBatch>();
  assertEquals(writer.nextSequence, 0);
  writer.sent(batch(2 ** 31 - 3));
  assertEquals(writer.nextSequence, 2 ** 31 - 3);
  writer.sent(batch(2));
  assertEquals(writer.nextSequence, 2 ** 31 - 1);
  writer.sent(batch(10));
  assertEquals(writer.nextSequence, 9);
  writer.reset();
  assertEquals([writer.nextSequence, writer.inFlight.length], [0, 0]);
});

/** A writer past its first batch, with this many in flight. */
function inFlight(count: number): ShardWriter<InFlightBatch> {
  const writer = new ShardWriter<InFlightBatch>();
  writer.sent(batch(1));
  answer(writer, 0, "acknowledged");
  writer.settle();
  for (let i = 0; i < count; i++) writer.sent(batch(1));
  return writer;
}

function answer(writer: ShardWriter<InFlightBatch>, index: number, answer: Answer): void {
  const result = RESULTS[answer];
  if (result !== null) writer.answered(writer.inFlight[index]!, result);
}

function batch(count: number): InFlightBatch {
  return { bytes: new Uint8Array(0), count, sentAtMs: 0, result: null };
}
