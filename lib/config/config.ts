import type { EventLayout } from "../core/event_layout.ts";
import type { HostPort } from "./host_port.ts";

/**
 * Everything a deployment can choose, validated and frozen to the bottom.
 *
 * Plain data only, so that it can be posted to a worker (the copy there is no longer frozen).
 * Durations are milliseconds, sizes bytes. What each key means stands in `config_schema.ts`.
 */
export interface Config {
  readonly app: {
    readonly id: string;
    readonly node: string;
  };
  readonly kafka: {
    /** False when no key under `kafka` was set anywhere: there is no cluster to work with. */
    readonly configured: boolean;
    /** `host:port`, an IPv6 address in brackets. */
    readonly brokers: readonly string[];
    readonly tls: {
      readonly enabled: boolean;
      readonly caFile: string | null;
      readonly certFile: string | null;
      readonly keyFile: string | null;
      readonly serverName: string | null;
    };
    readonly sasl: {
      /** True when there is a user name; then `secrets.saslPassword` is there, too. */
      readonly enabled: boolean;
      readonly mechanism: SaslMechanism;
      readonly username: string | null;
      readonly passwordFile: string | null;
    };
    readonly producer: "fast" | "stock";
  };
  readonly input: {
    readonly topics: readonly string[];
    /** The name of the preset, or `custom` when single fields were chosen. */
    readonly layoutName: LayoutName | "custom";
    /** The layout of each topic's events, by topic; has every one of `topics` and no other. */
    readonly layouts: Readonly<Record<string, EventLayout>>;
    readonly start: "earliest" | "latest";
  };
  readonly output: {
    readonly topic: string;
    readonly layout: LayoutName;
    readonly fencing: boolean;
    readonly lostSessions: "refuse" | "forget";
  };
  readonly deadLetters: {
    readonly topic: string;
  };
  readonly session: {
    readonly heartbeatIntervalMs: number;
    /** At or below the heartbeat interval: sessions have no heartbeats. */
    readonly maxDurationMs: number;
    readonly graceMs: number;
    readonly missed: "coalesce" | "all";
  };
  readonly state: {
    readonly dir: string;
  };
  readonly checkpoint: {
    /** Null: only at shutdown. */
    readonly intervalMs: number | null;
  };
  readonly http: {
    readonly address: HostPort;
    readonly tokenFile: string | null;
    readonly insecure: boolean;
  };
  readonly limits: {
    readonly maxSessions: number;
    readonly maxRemembered: number;
    readonly maxEventBytes: number;
  };
  readonly shutdown: {
    readonly timeoutMs: number;
  };
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly format: "auto" | "text" | "json";
  };
  readonly secrets: Secrets;
}

export type LayoutName = "plain" | "rtm-gaming";
export type SaslMechanism = "plain" | "scram-sha-256" | "scram-sha-512";

/** What the named files hold, read once at start-up; null where no file is named. */
export interface Secrets {
  readonly saslPassword: string | null;
  readonly httpToken: string | null;
  /** PEM. */
  readonly tlsCa: string | null;
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
}

export const NO_SECRETS: Secrets = Object.freeze({
  saslPassword: null,
  httpToken: null,
  tlsCa: null,
  tlsCert: null,
  tlsKey: null,
});
