import { invariant } from "../../core/invariant.ts";

/** Every limit of the HTTP side, with its reason. */
export interface HttpLimits {
  /** Open at the same time; a scraper, some probes and a few pages need a dozen. */
  readonly connectionsMax: number;
  /** A line and headers of a browser with a token are under 2 KiB. */
  readonly headerBytesMax: number;
  /** A client that does not send its headers in this time is cut off (slowloris). */
  readonly headersTimeoutMs: number;
  /** The same for the whole request; 8 MiB in it is 2.2 Mbit/s. */
  readonly requestTimeoutMs: number;
  /** An idle connection is closed after this; longer than the page's polling interval. */
  readonly keepAliveTimeoutMs: number;
  /** A client that does not take its answer in this time is cut off. */
  readonly responseTimeoutMs: number;
  /** How long a client may take to close after the last answer; then it is reset. */
  readonly lingerMs: number;
  /** How often the time limits above are looked at. */
  readonly timeoutCheckMs: number;
  /** Questions about a device that may be open at the engine; each costs it a message. */
  readonly deviceQueriesMax: number;
  /** An engine that is up answers in milliseconds; a turn is far shorter than this. */
  readonly queryTimeoutMs: number;
  /** A status is used again for this long, so that no crowd of readers reaches the engine. */
  readonly statusReuseMs: number;
  /** Body of `POST /v1/events`: some 40,000 events. */
  readonly ingestBytesMax: number;
  /** Such bodies at a time: what they hold in memory is this times the size. */
  readonly ingestsMax: number;
  readonly ingestTimeoutMs: number;
  /** Rejected lines named in an answer; the rest is counted. */
  readonly rejectedLinesMax: number;
  /**
   * Without an answer from the engine for this long the process is not alive. Far above the longest
   * turn, and below what a restart by the watchdog of the platform takes to help.
   */
  readonly engineSilenceMaxMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 256,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  responseTimeoutMs: 10_000,
  lingerMs: 1_000,
  timeoutCheckMs: 1_000,
  deviceQueriesMax: 32,
  queryTimeoutMs: 2_000,
  statusReuseMs: 200,
  ingestBytesMax: 8 * 1024 * 1024,
  ingestsMax: 4,
  ingestTimeoutMs: 10_000,
  rejectedLinesMax: 100,
  engineSilenceMaxMs: 15_000,
};

invariant(
  HTTP_LIMITS.headersTimeoutMs <= HTTP_LIMITS.requestTimeoutMs,
  "the headers are a part of the request",
);
invariant(
  HTTP_LIMITS.queryTimeoutMs * 2 <= HTTP_LIMITS.engineSilenceMaxMs,
  "one unanswered question does not make the engine dead",
);
