import type { RejectReason } from "../../lib/core/reject_reason.ts";

/** Something that arrives, and what becomes of it in the layout `plain`. */
export interface BadInput {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly outcome: "start" | "end" | "ignored" | RejectReason;
}

/** JSON text of an event's fields; undefined leaves the field out. */
type Fields = Readonly<Record<string, string | undefined>>;

export const START: Fields = {
  type: '"start"',
  deviceId: '"6fb86ebc-3d88-4e31-b913-ea939acacf56"',
  sessionId: "9402035216",
  accountId: '"d03fae97-9998"',
  timestamp: '"2025-11-01T00:06:45.000Z"',
};
export const END: Fields = { ...START, type: '"end"', durationSeconds: "240" };

export const GOOD = objectText(START);
export const encoder = new TextEncoder();

export function objectText(fields: Fields): string {
  const members = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

export function input(
  name: string,
  outcome: BadInput["outcome"],
  value: string | Uint8Array,
): BadInput {
  const bytes = typeof value === "string" ? encoder.encode(value) : value;
  return { name, outcome, bytes };
}

export function start(name: string, outcome: BadInput["outcome"], changed: Fields): BadInput {
  return input(name, outcome, objectText({ ...START, ...changed }));
}

export function end(name: string, outcome: BadInput["outcome"], changed: Fields): BadInput {
  return input(name, outcome, objectText({ ...END, ...changed }));
}

/** One case a text, named by it. */
export function each(
  outcome: BadInput["outcome"],
  texts: readonly string[],
  wholeOf: (text: string) => string = (text) => text,
  about = "value",
): BadInput[] {
  return texts.map((text) =>
    input(`${about} ${JSON.stringify(text).slice(0, 60)}`, outcome, wholeOf(text))
  );
}

/** Brackets around a value, `depth` deep. */
export function nested(depth: number, value = ""): string {
  return "[".repeat(depth) + value + "]".repeat(depth);
}
