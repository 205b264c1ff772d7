/**
 * What one device sends, from one session to the next: each case of the contract's table, in
 * proportions that keep all of them busy. Sessions are numbered; a number is one device's, once.
 */
import type { Random } from "../support/random.ts";
import type { ChaosRules } from "./chaos_rules.ts";

export interface ScriptedEvent {
  /** After the script's beginning. */
  readonly afterMs: number;
  readonly kind: "start" | "end";
  /** Of the script's sessions: 0, or 1. */
  readonly session: 0 | 1;
  /** How much earlier than its record the device says that it was. */
  readonly deviceClockBehindMs: number;
  /** It repeats what was sent before, and counts as that only within the grace. */
  readonly isRepeat: boolean;
  /** The id as a JSON string; else as an integer. */
  readonly idAsText: boolean;
}

export interface DeviceScript {
  readonly sessions: 1 | 2;
  /** In the order of their time. */
  readonly events: readonly ScriptedEvent[];
  /** When the device's next script may begin. */
  readonly lengthMs: number;
}

export function chooseScript(random: Random, rules: ChaosRules): DeviceScript {
  const choice = random.fraction();
  for (const { upTo, write } of SCRIPTS) {
    if (choice >= upTo) continue;
    const script = new ScriptWriter(random);
    const sessions = write(script, random, rules);
    return script.finish(sessions);
  }
  throw new Error("The last script is for all that is left");
}

const SCRIPTS: readonly {
  readonly upTo: number;
  readonly write: (script: ScriptWriter, random: Random, rules: ChaosRules) => 1 | 2;
}[] = [
  {
    // A session as it should be.
    upTo: 0.4,
    write(script, random) {
      script.start(0).after(random.int(300, 8000)).end(0);
      return 1;
    },
  },
  {
    // At-least-once delivery repeats everything.
    upTo: 0.55,
    write(script, random) {
      script.start(0).after(random.int(50, 500)).start(0, { isRepeat: true });
      script.after(random.int(100, 6000)).end(0);
      script.after(random.int(50, 500)).start(0, { isRepeat: true });
      script.after(random.int(50, 500)).end(0, { isRepeat: true });
      return 1;
    },
  },
  {
    // The end never comes: the session times out.
    upTo: 0.65,
    write(script, _random, { maxDurationMs }) {
      script.start(0).after(maxDurationMs);
      return 1;
    },
  },
  {
    // The next session begins before the end of the first, whose end comes late.
    upTo: 0.8,
    write(script, random) {
      script.start(0).after(random.int(200, 5000)).start(1);
      script.after(random.int(50, 800)).end(0).after(random.int(200, 4000)).end(1);
      return 2;
    },
  },
  {
    // A start that was under way for long comes after the start of a newer session.
    upTo: 0.88,
    write(script, random) {
      script.start(0).after(random.int(200, 2000));
      script.start(1, { deviceClockBehindMs: random.int(3000, 9000) });
      script.after(random.int(50, 500)).end(1).after(random.int(200, 4000)).end(0);
      return 2;
    },
  },
  {
    // The end overtakes its start.
    upTo: 0.95,
    write(script, random) {
      script.end(0).after(random.int(20, 1000)).start(0, { deviceClockBehindMs: 50 });
      return 1;
    },
  },
  {
    // An end whose start never comes.
    upTo: 1,
    write(script) {
      script.end(0);
      return 1;
    },
  },
];

class ScriptWriter {
  readonly #random: Random;
  readonly #events: ScriptedEvent[] = [];
  #atMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  after(ms: number): this {
    this.#atMs += ms;
    return this;
  }

  start(session: 0 | 1, options: Partial<ScriptedEvent> = {}): this {
    return this.#add("start", session, options);
  }

  end(session: 0 | 1, options: Partial<ScriptedEvent> = {}): this {
    return this.#add("end", session, options);
  }

  finish(sessions: 1 | 2): DeviceScript {
    return {
      sessions,
      events: this.#events,
      lengthMs: this.#atMs + this.#random.int(100, 2000),
    };
  }

  #add(kind: "start" | "end", session: 0 | 1, options: Partial<ScriptedEvent>): this {
    this.#events.push({
      deviceClockBehindMs: 0,
      isRepeat: false,
      idAsText: this.#random.chance(0.1),
      ...options,
      afterMs: this.#atMs,
      kind,
      session,
    });
    return this;
  }
}
