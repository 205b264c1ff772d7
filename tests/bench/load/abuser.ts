/**
 * The abuse of the engine's HTTP port, in a process of its own: an open loop, like the generator.
 * Each request has a connection of its own and is sent on its instant, whatever came of those before.
 *
 * It is started with an `AbuserConfig` as its argument, says `{"kind":"ready"}`, takes
 * `AbuserCommand`s on stdin and answers each with a report of its kind.
 */
import { LatencyHistogram } from "../../../lib/telemetry/latency_histogram.ts";
import { abuseMix } from "./http_abuse_mix.ts";
import { readJsonLines, writeJsonLine } from "./json_lines.ts";
import { type Quantiles, quantilesOf } from "./quantiles.ts";
import { type Address, addressOf, close, exchange, send } from "./raw_http.ts";

export interface AbuserConfig {
  /** `host:port` */
  readonly address: string;
  readonly token: string;
  readonly requestsPerSecond: number;
}

export type AbuserCommand =
  /** Requests from one instant to another, epoch milliseconds. */
  | { readonly do: "abuse"; readonly fromMs: number; readonly toMs: number }
  /** So many connections at once, each with half a head, until `release`. */
  | { readonly do: "hold"; readonly connections: number }
  | { readonly do: "release" };

export interface AbuseReport {
  readonly kind: "abused";
  readonly requests: number;
  /** How many came to what: a status, `closed` without one, `held` for two seconds, `refused`. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** How long after its instant a request was begun. */
  readonly slip: Quantiles;
}

export interface HoldReport {
  readonly kind: "holding";
  readonly opened: number;
  readonly seconds: number;
  /** The first reason for which one was not opened. */
  readonly failure: string | null;
}

export interface ReleaseReport {
  readonly kind: "released";
  /** By the engine, of those that were opened. */
  readonly closedBefore: number;
}

/** After this a request that nothing came of is given up. */
const HOLD_MS = 2_000;
const TICK_MS = 5;
/** A SYN that finds the engine's queue full is sent again a second later; so fewer at a time. */
const OPENING_MAX = 100;

class Abuser {
  readonly #address: Address;
  readonly #rate: number;
  readonly #mix: ReturnType<typeof abuseMix>;
  readonly #held: Deno.Conn[] = [];
  #closed = 0;

  constructor(config: AbuserConfig) {
    this.#address = addressOf(config.address);
    this.#rate = config.requestsPerSecond;
    this.#mix = abuseMix(config.token);
  }

  async abuse(fromMs: number, toMs: number): Promise<AbuseReport> {
    const outcomes: Record<string, number> = {};
    const slip = new LatencyHistogram();
    const open = new Set<Promise<void>>();
    let requests = 0;
    for (let tickMs = fromMs; tickMs < toMs; tickMs += TICK_MS) {
      await pause(Math.max(0, tickMs - Date.now()));
      const due = Math.floor((tickMs + TICK_MS - fromMs) * this.#rate / 1000);
      for (; requests < due; requests++) {
        slip.record(Math.max(0, Date.now() - tickMs));
        const request = this.#mix[requests % this.#mix.length]!;
        const ended = exchange(this.#address, request.bytes, HOLD_MS).then(({ status, end }) => {
          const outcome = status === null ? end : String(status);
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
          open.delete(ended);
        });
        open.add(ended);
      }
    }
    await Promise.all(open);
    return { kind: "abused", requests, outcomes, slip: quantilesOf(slip) };
  }

  async hold(connections: number): Promise<HoldReport> {
    const startedMs = performance.now();
    let failure: string | null = null;
    this.#closed = 0;
    const head = new TextEncoder().encode("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    const openOne = async () => {
      try {
        const connection = await Deno.connect(this.#address);
        this.#held.push(connection);
        await send(connection, head);
        void this.#readToEnd(connection);
      } catch (error) {
        failure ??= error instanceof Error ? error.message : String(error);
      }
    };
    for (let begun = 0; begun < connections; begun += OPENING_MAX) {
      const batch = Math.min(OPENING_MAX, connections - begun);
      await Promise.all(Array.from({ length: batch }, openOne));
    }
    const seconds = (performance.now() - startedMs) / 1000;
    return { kind: "holding", opened: this.#held.length, seconds, failure };
  }

  release(): ReleaseReport {
    const closedBefore = this.#closed;
    for (const connection of this.#held.splice(0)) close(connection);
    return { kind: "released", closedBefore };
  }

  async #readToEnd(connection: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(512);
    try {
      while (await connection.read(buffer) !== null);
    } catch {
      // A reset is an end as well.
    }
    this.#closed++;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  const abuser = new Abuser(JSON.parse(Deno.args[0]!));
  writeJsonLine({ kind: "ready" });
  for await (const command of readJsonLines<AbuserCommand>(Deno.stdin.readable)) {
    switch (command.do) {
      case "abuse":
        writeJsonLine(await abuser.abuse(command.fromMs, command.toMs));
        break;
      case "hold":
        writeJsonLine(await abuser.hold(command.connections));
        break;
      case "release":
        writeJsonLine(abuser.release());
    }
  }
  Deno.exit(0);
}
