import type { LayoutName, SaslMechanism } from "./config.ts";
import { byteSizeBetween } from "./byte_size.ts";
import { durationBetween, offOrDurationBetween } from "./duration.ts";
import { brokerAddress, type HostPort, listenAddress } from "./host_port.ts";
import { applicationId, topicName } from "./kafka_name.ts";
import { integerBetween, oneOf, onOrOff, pathOf, textUpTo } from "./plain_value.ts";
import { textOrTextByTopic } from "./text_by_topic.ts";
import { listOf, optional, type ValueType } from "./value_type.ts";

/** One key of the configuration. */
export interface ConfigField<T> {
  readonly type: ValueType<T>;
  readonly default: T;
  /** How the default reads where its text does not say it. */
  readonly defaultShown: string | null;
  /** One sentence, for the reference and for `help config`. */
  readonly meaning: string;
  /** A secret: only the environment may hold it, and no message repeats it. */
  readonly secret: boolean;
}

interface FieldOptions {
  readonly defaultShown?: string;
  readonly secret?: boolean;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const KIB = 1024;
const MIB = 1024 * KIB;

const LAYOUTS = ["plain", "rtm-gaming"] as const satisfies readonly LayoutName[];
const SASL_MECHANISMS = [
  "plain",
  "scram-sha-256",
  "scram-sha-512",
] as const satisfies readonly SaslMechanism[];

const TOPICS = listOf(topicName(), { one: "topic", many: "topics" });
const BROKERS = listOf(brokerAddress(), { one: "broker", many: "brokers" });
const FIELD_NAME = optional(textUpTo(128, "a field name"));
const FIELD_VALUE = optional(textUpTo(128, "a text"));

/**
 * Every key there is, in the order in which it is documented. The types of the values, the names
 * of the environment variables, the reference in docs/configuration.md and the suggestions for
 * mistyped keys all come from here.
 */
export const CONFIG_SCHEMA = {
  "app.id": field(
    applicationId(),
    "sessionwheel",
    "Prefix of the consumer group's id and of transactional ids; one per deployment.",
  ),
  "app.node": field(
    optional(textUpTo(100, "a name")),
    null,
    "Name of this machine in JSON log lines.",
    { defaultShown: "the host name" },
  ),
  "kafka.brokers": field(
    BROKERS,
    ["127.0.0.1:9092"],
    "Brokers to ask for the cluster first; one that answers is enough.",
  ),
  "kafka.tls.enabled": field(onOrOff(), false, "Talk to the brokers over TLS."),
  "kafka.tls.caFile": field(
    optional(pathOf("a file")),
    null,
    "PEM file of the authorities to trust.",
    { defaultShown: "those of the system" },
  ),
  "kafka.tls.certFile": field(
    optional(pathOf("a file")),
    null,
    "PEM file of our certificate, for brokers that ask for one; goes with `keyFile`.",
  ),
  "kafka.tls.keyFile": field(
    optional(pathOf("a file")),
    null,
    "PEM file of the certificate's private key, not encrypted.",
  ),
  "kafka.tls.serverName": field(
    optional(textUpTo(253, "a host name")),
    null,
    "Host name that the brokers' certificates must be for.",
    { defaultShown: "the broker's own" },
  ),
  "kafka.sasl.mechanism": field(
    oneOf(SASL_MECHANISMS),
    "scram-sha-512",
    "How to log in once there is a user name.",
  ),
  "kafka.sasl.username": field(
    optional(textUpTo(256, "a user name")),
    null,
    "User to log in as; without one there is no login.",
  ),
  "kafka.sasl.passwordFile": field(
    optional(pathOf("a file")),
    null,
    "File that holds the password, and nothing else.",
  ),
  "kafka.sasl.password": field(
    optional(textUpTo(1024, "a password")),
    null,
    "The password itself. Only the environment may hold it.",
    { secret: true },
  ),
  "kafka.producer": field(
    oneOf(["fast", "stock"]),
    "fast",
    "Who encodes record batches: `fast` we ourselves, `stock` kafkajs (slower, for comparison).",
  ),
  "input.topics": field(
    optional(TOPICS),
    null,
    "Topics of events.",
    { defaultShown: "events; with rtm-gaming pc_sessions,console_sessions" },
  ),
  "input.layout": field(
    oneOf(LAYOUTS),
    "plain",
    "Names of the events' fields: `plain`, `rtm-gaming`, or a mapping of the keys below.",
  ),
  "input.layout.type": field(
    FIELD_NAME,
    null,
    "Field that tells starts, ends and everything else apart.",
    { defaultShown: "type" },
  ),
  "input.layout.startValue": field(FIELD_VALUE, null, "The type of a start.", {
    defaultShown: "start",
  }),
  "input.layout.endValue": field(FIELD_VALUE, null, "The type of an end.", {
    defaultShown: "end",
  }),
  "input.layout.deviceId": field(
    optional(textOrTextByTopic()),
    null,
    "Field of the device's id, or a mapping from topic to field.",
    { defaultShown: "deviceId" },
  ),
  "input.layout.sessionId": field(FIELD_NAME, null, "Field of the session's id.", {
    defaultShown: "sessionId",
  }),
  "input.layout.accountId": field(FIELD_NAME, null, "Field of the account's id.", {
    defaultShown: "accountId",
  }),
  "input.layout.timestamp": field(FIELD_NAME, null, "Field of the device's clock.", {
    defaultShown: "timestamp",
  }),
  "input.layout.durationSeconds": field(
    FIELD_NAME,
    null,
    "Field of the duration that an end reports.",
    { defaultShown: "durationSeconds" },
  ),
  "input.start": field(
    oneOf(["earliest", "latest"]),
    "earliest",
    "Where a first run begins to read; later runs go on where the last one was.",
  ),
  "output.topic": field(topicName(), "sessions", "Topic of records. It has to exist."),
  "output.layout": field(oneOf(LAYOUTS), "plain", "Names of the records' fields."),
  "output.fencing": field(
    onOrOff(),
    true,
    "Keep an older process of this deployment from writing once a newer one has started.",
  ),
  "output.lostSessions": field(
    oneOf(["refuse", "forget"]),
    "refuse",
    "Where retention took the last records of sessions that were active: do not start, or forget " +
      "those sessions, which get no End then.",
  ),
  "deadLetters.topic": field(
    topicName(),
    "sessions.dlq",
    "Topic for what is not an event. It has to exist.",
  ),
  "session.heartbeatInterval": field(
    durationBetween(100, DAY_MS),
    30 * SECOND_MS,
    "Time between two heartbeats of a session.",
  ),
  "session.maxDuration": field(
    durationBetween(100, 30 * DAY_MS),
    30 * MINUTE_MS,
    "Age at which a session is ended for its device. Not above the heartbeat interval: no heartbeats.",
  ),
  "session.grace": field(
    durationBetween(0, HOUR_MS),
    30 * SECOND_MS,
    "How long an ended session, and an end whose start has not come, are remembered.",
  ),
  "session.missed": field(
    oneOf(["coalesce", "all"]),
    "coalesce",
    "Heartbeats that fell due while we were away: leave out all but the newest, or write each.",
  ),
  "state.dir": field(
    pathOf("a folder"),
    "./data",
    "Folder for checkpoints; one process at a time may use it.",
  ),
  "checkpoint.interval": field(
    offOrDurationBetween(10 * SECOND_MS, DAY_MS),
    null,
    "Time between checkpoints while running. There is always one at shutdown.",
  ),
  "http.address": field(
    listenAddress(),
    { host: "127.0.0.1", port: 8484 } satisfies HostPort as HostPort,
    "Where to serve health, metrics and the live page.",
  ),
  "http.tokenFile": field(
    optional(pathOf("a file")),
    null,
    "File that holds the bearer token asked of HTTP clients.",
    { defaultShown: "no token asked" },
  ),
  "http.insecure": field(
    onOrOff(),
    false,
    "Allow an address that other machines can reach without a token.",
  ),
  "limits.maxSessions": field(
    integerBetween(1, 100_000_000),
    10_000_000,
    "Active sessions at most, some 170 bytes each; a start beyond that is dropped and counted.",
  ),
  "limits.maxRemembered": field(
    integerBetween(10_000, 100_000_000),
    5_000_000,
    "Ended sessions and ends without a start that are remembered at most, some 170 bytes each, an " +
      "equal part in each shard; beyond it the oldest are forgotten before the grace is over.",
  ),
  "limits.maxEventBytes": field(
    byteSizeBetween(KIB, 16 * MIB),
    MIB,
    "Largest event taken; larger ones are dead letters.",
  ),
  "shutdown.timeout": field(
    durationBetween(SECOND_MS, 10 * MINUTE_MS),
    30 * SECOND_MS,
    "Time a shutdown may take before it gives up.",
  ),
  "log.level": field(oneOf(["debug", "info", "warn", "error"]), "info", "Least level logged."),
  "log.format": field(
    oneOf(["auto", "text", "json"]),
    "auto",
    "`auto` is text on a terminal and JSON elsewhere.",
  ),
} as const;

export type ConfigKey = keyof typeof CONFIG_SCHEMA;

type FieldValue<F> = F extends ConfigField<infer T> ? T : never;

/** One value for each key, before they are put together to a `Config`. */
export type ConfigValues = {
  readonly [K in ConfigKey]: FieldValue<(typeof CONFIG_SCHEMA)[K]>;
};

export const CONFIG_KEYS = Object.keys(CONFIG_SCHEMA) as readonly ConfigKey[];

export function isConfigKey(key: string): key is ConfigKey {
  return Object.hasOwn(CONFIG_SCHEMA, key);
}

/** The names directly below a key that is a section, in order; empty when it is none. */
export function childNames(section: string): readonly string[] {
  const prefix = section === "" ? "" : `${section}.`;
  const names = CONFIG_KEYS
    .filter((key) => key.startsWith(prefix) && key.length > prefix.length)
    .map((key) => key.slice(prefix.length).split(".")[0]!);
  return [...new Set(names)];
}

/** How a key's default reads in the reference. */
export function showDefault(key: ConfigKey): string {
  const field: ConfigField<never> = CONFIG_SCHEMA[key] as unknown as ConfigField<never>;
  return field.defaultShown ?? field.type.format(field.default);
}

function field<T>(
  type: ValueType<T>,
  defaultValue: T,
  meaning: string,
  options: FieldOptions = {},
): ConfigField<T> {
  return {
    type,
    default: defaultValue,
    defaultShown: options.defaultShown ?? null,
    meaning,
    secret: options.secret ?? false,
  };
}
