/**
 * The table of section 2 of the contract, cell by cell: what each event does in each state of a
 * device. A cell that is missing does not compile.
 */
import { assertEquals } from "@std/assert";
import type { ModelRecord } from "../support/model/model_record.ts";
import { type ModelEnd, type ModelStart, NaiveModel } from "../support/model/session_model.ts";

/** Sessions by age: O is older than A, B is newer. */
const ORDER_KEYS = { O: 1_000, A: 2_000, B: 3_000 };
type Id = keyof typeof ORDER_KEYS;

type State =
  | "nothing"
  | "A active"
  | "A ended"
  | "A ended, B active"
  | "end B remembered"
  | "A active, end B remembered"
  | "A active, end O remembered";

type Event = `${"start" | "end"} ${Id}`;

const BEFORE: Record<State, readonly Event[]> = {
  "nothing": [],
  "A active": ["start A"],
  "A ended": ["start A", "end A"],
  "A ended, B active": ["start A", "start B"],
  "end B remembered": ["end B"],
  "A active, end B remembered": ["start A", "end B"],
  "A active, end O remembered": ["start A", "end O"],
};

/** Records, then what is active, what has ended and whose end is remembered, by id. */
type Outcome = readonly [
  records: readonly string[],
  active: Id | "",
  ended: string,
  earlyEnds: string,
];

const TABLE: Record<State, Record<Event, Outcome>> = {
  "nothing": {
    "start A": [["Start A"], "A", "", ""],
    "start B": [["Start B"], "B", "", ""],
    "start O": [["Start O"], "O", "", ""],
    "end A": [[], "", "", "A"],
    "end B": [[], "", "", "B"],
    "end O": [[], "", "", "O"],
  },
  "A active": {
    "start A": [[], "A", "", ""],
    "start B": [["End A superseded", "Start B"], "B", "A", ""],
    "start O": [["Start O", "End O superseded"], "A", "O", ""],
    "end A": [["End A ended"], "", "A", ""],
    "end B": [[], "A", "", "B"],
    "end O": [[], "A", "", "O"],
  },
  "A ended": {
    "start A": [[], "", "A", ""],
    "start B": [["Start B"], "B", "A", ""],
    "start O": [["Start O", "End O superseded"], "", "AO", ""],
    "end A": [[], "", "A", ""],
    "end B": [[], "", "A", "B"],
    "end O": [[], "", "A", "O"],
  },
  "A ended, B active": {
    "start A": [[], "B", "A", ""],
    "start B": [[], "B", "A", ""],
    "start O": [["Start O", "End O superseded"], "B", "AO", ""],
    "end A": [[], "B", "A", ""],
    "end B": [["End B ended"], "", "AB", ""],
    "end O": [[], "B", "A", "O"],
  },
  "end B remembered": {
    "start A": [["Start A"], "A", "", "B"],
    "start B": [["Start B", "End B ended"], "", "B", ""],
    "start O": [["Start O"], "O", "", "B"],
    "end A": [[], "", "", "AB"],
    "end B": [[], "", "", "B"],
    "end O": [[], "", "", "BO"],
  },
  "A active, end B remembered": {
    "start A": [[], "A", "", "B"],
    "start B": [["End A superseded", "Start B", "End B ended"], "", "AB", ""],
    "start O": [["Start O", "End O superseded"], "A", "O", "B"],
    "end A": [["End A ended"], "", "A", "B"],
    "end B": [[], "A", "", "B"],
    "end O": [[], "A", "", "BO"],
  },
  "A active, end O remembered": {
    "start A": [[], "A", "", "O"],
    "start B": [["End A superseded", "Start B"], "B", "A", "O"],
    "start O": [["Start O", "End O ended"], "A", "O", ""],
    "end A": [["End A ended"], "", "A", "O"],
    "end B": [[], "A", "", "BO"],
    "end O": [[], "A", "", "O"],
  },
};

/** Later than every order key, so that the device's clock decides what is older. */
const CLOCK_MS = 10_000;

for (const [state, cells] of Object.entries(TABLE) as [State, Record<Event, Outcome>][]) {
  for (const [event, expected] of Object.entries(cells) as [Event, Outcome][]) {
    Deno.test(`NaiveModel.apply() of "${event}" with ${state}`, () => {
      const model = new NaiveModel({
        heartbeatIntervalMs: 30_000,
        maxDurationMs: 120_000,
        graceMs: 30_000,
        missed: "all",
      });
      for (const before of BEFORE[state]) model.apply(eventOf(before), CLOCK_MS);

      const records = model.apply(eventOf(event), CLOCK_MS).map(shortText);

      const device = model.state().devices[0];
      assertEquals([
        records,
        device?.active?.sessionId ?? "",
        device?.ended.join("") ?? "",
        device?.earlyEnds.join("") ?? "",
      ], [...expected]);
    });
  }
}

function eventOf(event: Event): ModelStart | ModelEnd {
  const [kind, id] = event.split(" ") as ["start" | "end", Id];
  const base = {
    deviceId: "device",
    sessionId: { text: id, isNumber: false },
    sourceTimestampMs: CLOCK_MS,
  };
  return kind === "start"
    ? { kind, ...base, accountId: null, timestampMs: ORDER_KEYS[id] }
    : { kind, ...base, reportedDurationMs: null };
}

function shortText(record: ModelRecord): string {
  const status = record.status.replace("Session", "");
  return [status, record.sessionId.text, record.reason ?? ""].join(" ").trim();
}
