import { assert, assertEquals, assertThrows } from "@std/assert";
import { PLAIN_EVENT_LAYOUT, rtmGamingEventLayout } from "../../lib/core/event_layout.ts";
import type { Config } from "../../lib/config/config.ts";
import { ConfigError } from "../../lib/config/config_problem.ts";
import { loadConfig } from "../../lib/config/load_config.ts";
import { load, loadError } from "./load.ts";
import { memoryFiles } from "./memory_files.ts";

const DEFAULTS: Config = {
  app: { id: "sessionwheel", node: "edge-7" },
  kafka: {
    configured: false,
    brokers: ["127.0.0.1:9092"],
    tls: { enabled: false, caFile: null, certFile: null, keyFile: null, serverName: null },
    sasl: { enabled: false, mechanism: "scram-sha-512", username: null, passwordFile: null },
    producer: "fast",
  },
  input: {
    topics: ["events"],
    layoutName: "plain",
    layouts: { events: PLAIN_EVENT_LAYOUT },
    start: "earliest",
  },
  output: { topic: "sessions", layout: "plain", fencing: true, lostSessions: "refuse" },
  deadLetters: { topic: "sessions.dlq" },
  session: {
    heartbeatIntervalMs: 30_000,
    maxDurationMs: 1_800_000,
    graceMs: 30_000,
    missed: "coalesce",
  },
  state: { dir: "./data" },
  checkpoint: { intervalMs: null },
  http: { address: { host: "127.0.0.1", port: 8484 }, tokenFile: null, insecure: false },
  limits: { maxSessions: 10_000_000, maxRemembered: 5_000_000, maxEventBytes: 1_048_576 },
  shutdown: { timeoutMs: 30_000 },
  log: { level: "info", format: "auto" },
  secrets: { saslPassword: null, httpToken: null, tlsCa: null, tlsCert: null, tlsKey: null },
};

Deno.test("loadConfig() gives the defaults when nothing is set", async () => {
  const loaded = await load({});
  assertEquals(loaded.config, DEFAULTS);
  assertEquals(loaded.warnings, []);
});

Deno.test("loadConfig() gives the defaults for an empty file", async () => {
  assertEquals((await load({ yaml: "" })).config, DEFAULTS);
});

/** As users learn it. */
const WHOLE_FILE = `
app: { id: sessionwheel, node: edge-7 }   # id: prefix of group and transactional ids
kafka:
  brokers: ["127.0.0.1:9092"]
  tls: { enabled: false, caFile: , certFile: , keyFile: , serverName: }
  sasl: { mechanism: scram-sha-512, username: , passwordFile: }
  producer: fast                          # fast | stock
input: { topics: [events], layout: plain, start: earliest }
output: { topic: sessions, layout: plain, fencing: on, lostSessions: refuse }
deadLetters: { topic: sessions.dlq }
session: { heartbeatInterval: 30s, maxDuration: 30m, grace: 30s, missed: coalesce }
state: { dir: ./data }
checkpoint: { interval: off }
http: { address: "127.0.0.1:8484", tokenFile: , insecure: false }
limits: { maxSessions: 10000000, maxRemembered: 5000000, maxEventBytes: 1MiB }
shutdown: { timeout: 30s }
log: { level: info, format: auto }
`;

Deno.test("loadConfig() gives the defaults for a file that writes them out", async () => {
  const { config, warnings } = await load({ yaml: WHOLE_FILE });
  assertEquals(config, { ...DEFAULTS, kafka: { ...DEFAULTS.kafka, configured: true } });
  assertEquals(warnings, []);
});

Deno.test("loadConfig() weighs default, file, environment and flag, in this order", async () => {
  const yaml = "session: { heartbeatInterval: 1s, maxDuration: 2m, grace: 3s }\n";
  const environment = {
    SESSIONWHEEL__SESSION__MAX_DURATION: "4m",
    SESSIONWHEEL__SESSION__GRACE: "5s",
  };
  const { config } = await load({ yaml, environment, set: ["session.grace=6s"] });
  assertEquals(config.session, {
    heartbeatIntervalMs: 1000,
    maxDurationMs: 240_000,
    graceMs: 6000,
    missed: "coalesce",
  });
});

Deno.test("loadConfig() goes back to the default for a flag with an empty value", async () => {
  const { config } = await load({
    yaml: "session: { grace: 3s }\n",
    environment: { SESSIONWHEEL__SESSION__GRACE: "5s" },
    set: ["session.grace="],
  });
  assertEquals(config.session.graceMs, 30_000);
});

Deno.test("loadConfig() takes the last of two flags of one key", async () => {
  const { config } = await load({ set: ["session.grace=1s", "session.grace=2s"] });
  assertEquals(config.session.graceMs, 2000);
});

Deno.test("loadConfig() reads lists from the environment and from flags", async () => {
  const { config } = await load({
    environment: { SESSIONWHEEL__KAFKA__BROKERS: "a:1, [::1]:2" },
    set: ["input.topics=x,y"],
  });
  assertEquals(config.kafka.brokers, ["a:1", "[::1]:2"]);
  assertEquals(config.input.topics, ["x", "y"]);
});

Deno.test("loadConfig() knows that there is a cluster from any key under kafka", async () => {
  assertEquals((await load({ set: ["input.topics=x"] })).config.kafka.configured, false);
  assertEquals((await load({ set: ["kafka.producer=stock"] })).config.kafka.configured, true);
  assertEquals(
    (await load({ yaml: "kafka: { tls: { enabled: } }" })).config.kafka.configured,
    false,
  );
});

Deno.test("loadConfig() reads the topics of the published reference with its layout", async () => {
  const { config } = await load({ yaml: "input: { layout: rtm-gaming }\n" });
  assertEquals(config.input, {
    topics: ["pc_sessions", "console_sessions"],
    layoutName: "rtm-gaming",
    layouts: {
      pc_sessions: rtmGamingEventLayout("pc_sessions"),
      console_sessions: rtmGamingEventLayout("console_sessions"),
    },
    start: "earliest",
  });
});

Deno.test("loadConfig() takes a mapping of fields, with the plain names where it is silent", async () => {
  const yaml = `
input:
  topics: [a, b]
  layout:
    type: kind
    startValue: open
    endValue: close
    deviceId: { a: pc, b: console }
    sessionId: sid
    durationSeconds: seconds
`;
  const { config } = await load({ yaml });
  const layout = {
    typeField: "kind",
    startValue: "open",
    endValue: "close",
    sessionField: "sid",
    accountField: "accountId",
    timestampField: "timestamp",
    durationField: "seconds",
  };
  assertEquals(config.input.layoutName, "custom");
  assertEquals(config.input.layouts, {
    a: { ...layout, deviceField: "pc" },
    b: { ...layout, deviceField: "console" },
  });
});

Deno.test("loadConfig() lays single fields over the named layout", async () => {
  const { config } = await load({
    yaml: "input: { layout: rtm-gaming }\n",
    environment: { SESSIONWHEEL__INPUT__LAYOUT__ACCOUNT_ID: "account" },
  });
  assertEquals(config.input.layouts["console_sessions"], {
    ...rtmGamingEventLayout("console_sessions"),
    accountField: "account",
  });
});

Deno.test("loadConfig() drops the fields of weaker sources when a layout is named", async () => {
  const { config } = await load({
    yaml: "input: { layout: { type: kind, deviceId: id } }\n",
    set: ["input.layout=plain"],
  });
  assertEquals(config.input.layoutName, "plain");
  assertEquals(config.input.layouts, { events: PLAIN_EVENT_LAYOUT });
});

Deno.test("loadConfig() keeps a topic called __proto__ a topic", async () => {
  const { config } = await load({ set: ["input.topics=__proto__"] });
  assertEquals(Object.entries(config.input.layouts), [["__proto__", PLAIN_EVENT_LAYOUT]]);
});

Deno.test("loadConfig() finds its file by SESSIONWHEEL_CONFIG, and --config outweighs it", async () => {
  const files = memoryFiles({ "a.yaml": "app: { id: a }", "b.yaml": "app: { id: b }" });
  const environment = { SESSIONWHEEL_CONFIG: "a.yaml" };
  const options = { flags: [], environment, files, hostname: "h", readSecrets: true };
  assertEquals((await loadConfig({ ...options, path: null })).config.app.id, "a");
  assertEquals((await loadConfig({ ...options, path: "b.yaml" })).config.app.id, "b");
});

Deno.test("loadConfig() tells a missing file, and what else is wrong, but no consequences", async () => {
  const error = await loadError({
    environment: {
      SESSIONWHEEL_CONFIG: "nowhere.yaml",
      SESSIONWHEEL__KAFKA__SASL__PASSWORD: "hunter2",
    },
    set: ["session.grace=30"],
  });
  assertEquals(
    error.message,
    `Cannot use the configuration: 2 problems

SESSIONWHEEL_CONFIG=nowhere.yaml
  found     no such file
  expected  a YAML file in UTF-8
  fix       correct the path, or create the file

--set session.grace  session.grace
  found     "30", a number without a unit
  expected  a duration from 0s to 1h, like 500ms, 30s, 5m or 1h
  fix       add the unit: 30s or 30ms`,
  );
});

Deno.test("loadConfig() refuses a file in UTF-16 and takes off a byte order mark of UTF-8", async () => {
  const utf16 = new Uint8Array([0xff, 0xfe, 0x61, 0x00, 0x3a, 0x00]);
  const error = await loadError({ yaml: utf16 });
  assertEquals(error.problems.map(({ found, fix }) => [found, fix]), [
    ["a file in UTF-16", "save it as UTF-8"],
  ]);
  const marked = new TextEncoder().encode("\ufeffapp: { id: x }\n");
  assertEquals((await load({ yaml: marked })).config.app.id, "x");
});

Deno.test("loadConfig() refuses a file that is too large to be a configuration", async () => {
  const error = await loadError({ yaml: "#".repeat(300_000) });
  assertEquals(error.problems.map(({ found }) => found), ["a file of more than 262144 bytes"]);
});

Deno.test("loadConfig() tells every problem at once, those of the file in its order", async () => {
  const error = await loadError({
    yaml: `kafka:
  brokers: [localhost]
  sasl: { password: hunter2 }
sesion:
  grace: 30s
session:
  heartbeatInterval: 30
  missed: Coalesce
`,
    environment: { SESSIONWHEEL__LOG__LEVEL: "warning", SESSIONWHEEL__SESION__GRACE: "1s" },
    set: ["session.grac=1s"],
  });
  assertEquals(
    error.message,
    `Cannot use the configuration: 8 problems

sw.yaml:2:13  kafka.brokers
  found     "localhost", without a port
  expected  a list of brokers, each host:port with a port from 1 to 65535
  fix       add the port, like "localhost:9092"

sw.yaml:3:21  kafka.sasl.password
  found     a secret in the file
  expected  the variable SESSIONWHEEL__KAFKA__SASL__PASSWORD, or a file of its own
  fix       remove it, and name its file by kafka.sasl.passwordFile

sw.yaml:4:1  sesion
  found     an unknown key
  expected  one of app, kafka, input, output, deadLetters, session, state, checkpoint, http, limits, shutdown, log
  fix       did you mean session?

sw.yaml:7:22  session.heartbeatInterval
  found     "30", a number without a unit
  expected  a duration from 100ms to 24h, like 500ms, 30s, 5m or 1h
  fix       add the unit: 30s or 30ms

sw.yaml:8:11  session.missed
  found     "Coalesce"
  expected  coalesce or all
  fix       did you mean coalesce?

SESSIONWHEEL__SESION__GRACE
  found     an unknown variable
  expected  a key of the configuration in upper case, two underscores between levels
  fix       did you mean SESSIONWHEEL__SESSION__GRACE?

--set session.grac
  found     an unknown key
  expected  KEY=VALUE with a key of the configuration, like session.grace=60s
  fix       did you mean session.grace?

SESSIONWHEEL__LOG__LEVEL  log.level
  found     "warning"
  expected  one of debug, info, warn, error
  fix       did you mean warn?`,
  );
});

Deno.test("loadConfig() takes a secret from nowhere but the environment, and never repeats it", async () => {
  const error = await loadError({
    yaml: "kafka: { sasl: { password: [hunter2] } }\n",
    set: ["kafka.sasl.password=hunter2"],
  });
  assertEquals(error.problems.map(({ where, found }) => [where, found]), [
    ["--set kafka.sasl.password", "a secret on the command line"],
  ]);
  const long = await loadError({
    environment: { SESSIONWHEEL__KAFKA__SASL__PASSWORD: "hunter2".repeat(1000) },
    set: ["kafka.sasl.username=u"],
  });
  for (const { message } of [error, long]) assert(!message.includes("hunter2"), message);
});

Deno.test("ConfigError counts one problem as one", () => {
  const problem = { where: "", key: "a.b", found: "f", expected: "e", fix: "x" };
  assertEquals(
    new ConfigError([problem]).message,
    "Cannot use the configuration: 1 problem\n\na.b\n  found     f\n  expected  e\n  fix       x",
  );
});

Deno.test("Config is frozen to the bottom", async () => {
  const { config } = await load({ set: ["input.layout=rtm-gaming"] });
  const parts: unknown[] = [config];
  for (const part of parts) {
    if (typeof part !== "object" || part === null) continue;
    assert(Object.isFrozen(part));
    parts.push(...Object.values(part));
  }
  assertThrows(() => {
    (config.session as { graceMs: number }).graceMs = 1;
  }, TypeError);
});

Deno.test("Config can be posted to a worker", async () => {
  const { config } = await load({ set: ["input.topics=__proto__"] });
  const posted = structuredClone(config);
  assertEquals(posted, config);
  assertEquals(Object.keys(posted.input.layouts), ["__proto__"]);
});
