import type { EventLayout } from "../core/event_layout.ts";
import { CONFIG_SCHEMA, type ConfigKey, type ConfigValues } from "./config_schema.ts";
import type { ConfigProblem } from "./config_problem.ts";
import { environmentName } from "./environment_settings.ts";
import { eventLayouts, inputTopics, RTM_GAMING_TOPICS } from "./event_layouts.ts";
import { formatHostPort, isLoopbackHost, parseHostPort } from "./host_port.ts";
import { quote } from "./value_type.ts";

/** What the rules look at: values that are each right by themselves. */
export interface RuledValues {
  readonly values: ConfigValues;
  /** Whether a source has the key; otherwise its value is the default. */
  isSet(key: ConfigKey): boolean;
  /** Where the key was set; empty when it was not. */
  where(key: ConfigKey): string;
  /** Whether all these could be read; a rule about others would only echo their problem. */
  areSound(...keys: readonly ConfigKey[]): boolean;
}

/** What values mean together: combinations that cannot be meant are problems. */
export function checkCombinations(ruled: RuledValues): ConfigProblem[] {
  return [
    ...checkSasl(ruled),
    ...checkTls(ruled),
    ...checkTopics(ruled),
    ...checkLayouts(ruled),
    ...checkHttp(ruled),
  ];
}

/** What works but is unlikely to be wanted, one sentence each. */
export function warnOfCombinations(ruled: RuledValues): string[] {
  const { values } = ruled;
  const warnings: string[] = [];
  // Written out with its default it is part of a template; another one was chosen to log in.
  const isMechanismChosen =
    values["kafka.sasl.mechanism"] !== CONFIG_SCHEMA["kafka.sasl.mechanism"].default;
  if (isMechanismChosen && values["kafka.sasl.username"] === null) {
    warnings.push(
      "kafka.sasl.mechanism is set, but there is no kafka.sasl.username: nobody logs in",
    );
  }
  if (
    values["kafka.sasl.username"] !== null && !values["kafka.tls.enabled"] &&
    values["kafka.sasl.mechanism"] === "plain" &&
    values["kafka.brokers"].some((broker) => !isLoopbackBroker(broker))
  ) {
    warnings.push(
      "kafka.sasl.mechanism is plain and kafka.tls.enabled is off: the password crosses the network readably",
    );
  }
  if (values["session.maxDuration"] <= values["session.heartbeatInterval"]) {
    warnings.push(
      "session.maxDuration is not above session.heartbeatInterval: sessions have no heartbeats",
    );
  }
  if (values["input.layout"] === "rtm-gaming" && values["input.layout.deviceId"] === null) {
    for (const topic of inputTopics(values)) {
      if ((RTM_GAMING_TOPICS as readonly string[]).includes(topic)) continue;
      warnings.push(
        `input topic ${topic} is not one of the reference's: its devices are read from hostPcId`,
      );
    }
  }
  if (values["http.insecure"] && values["http.tokenFile"] === null && isOpenToOthers(values)) {
    warnings.push(
      `http.insecure is on: everybody who can reach ${
        formatHostPort(values["http.address"])
      } can read and call everything`,
    );
  }
  return warnings;
}

function checkSasl(ruled: RuledValues): ConfigProblem[] {
  const { values } = ruled;
  if (
    !ruled.areSound("kafka.sasl.username", "kafka.sasl.passwordFile", "kafka.sasl.password")
  ) return [];
  const variable = environmentName("kafka.sasl.password");
  const username = values["kafka.sasl.username"];
  const inFile = values["kafka.sasl.passwordFile"] !== null;
  const inEnvironment = values["kafka.sasl.password"] !== null;
  const passwordKey = inFile ? "kafka.sasl.passwordFile" : "kafka.sasl.password";
  if (inFile && inEnvironment) {
    return [{
      where: ruled.where("kafka.sasl.passwordFile"),
      key: "kafka.sasl.passwordFile",
      found: `a password file besides the variable ${variable}`,
      expected: "one place for the password",
      fix: "remove one of the two",
    }];
  }
  if (username !== null && !inFile && !inEnvironment) {
    return [{
      where: ruled.where("kafka.sasl.username"),
      key: "kafka.sasl.username",
      found: "a user name without a password",
      expected: "both or neither",
      fix: `set kafka.sasl.passwordFile, or the variable ${variable}`,
    }];
  }
  if (username === null && (inFile || inEnvironment)) {
    return [{
      where: ruled.where(passwordKey),
      key: passwordKey,
      found: "a password without a user name",
      expected: "both or neither",
      fix: "set kafka.sasl.username",
    }];
  }
  return [];
}

function checkTls(ruled: RuledValues): ConfigProblem[] {
  const { values } = ruled;
  const problems: ConfigProblem[] = [];
  for (
    const [key, other] of [
      ["kafka.tls.certFile", "kafka.tls.keyFile"],
      ["kafka.tls.keyFile", "kafka.tls.certFile"],
    ] as const
  ) {
    if (!ruled.areSound(key, other) || values[key] === null || values[other] !== null) continue;
    problems.push({
      where: ruled.where(key),
      key,
      found: key === "kafka.tls.certFile" ? "a certificate without its key" : "a key alone",
      expected: "both or neither",
      fix: `set ${other}, too`,
    });
  }
  const used = ([
    "kafka.tls.caFile",
    "kafka.tls.certFile",
    "kafka.tls.keyFile",
    "kafka.tls.serverName",
  ] as const).find((key) => values[key] !== null);
  // Switched off in so many words it may be for a while; left out it is likely forgotten, and
  // then everything would cross the network readably.
  if (used !== undefined && !ruled.isSet("kafka.tls.enabled")) {
    problems.push({
      where: ruled.where(used),
      key: used,
      found: "a TLS setting, but TLS is off",
      expected: "kafka.tls.enabled beside it",
      fix: "set kafka.tls.enabled: on",
    });
  }
  return problems;
}

function checkTopics(ruled: RuledValues): ConfigProblem[] {
  if (!ruled.areSound("input.topics", "input.layout", "output.topic", "deadLetters.topic")) {
    return [];
  }
  const { values } = ruled;
  const inputs = inputTopics(values);
  const problems: ConfigProblem[] = [];
  for (const key of ["output.topic", "deadLetters.topic"] as const) {
    if (!inputs.includes(values[key])) continue;
    const changed = ruled.isSet(key) ? key : "input.topics";
    problems.push({
      where: ruled.where(changed),
      key: changed,
      found: `${quote(values[key])}, which is both ${key} and one of input.topics`,
      expected: "a topic of its own: what is written would be read again",
      fix: `name another ${changed === key ? "topic" : "topic to read"}`,
    });
  }
  if (values["output.topic"] === values["deadLetters.topic"]) {
    const changed = ruled.isSet("deadLetters.topic") ? "deadLetters.topic" : "output.topic";
    problems.push({
      where: ruled.where(changed),
      key: changed,
      found: `${quote(values["output.topic"])}, which is both output.topic and deadLetters.topic`,
      expected: "a topic of its own: state is restored from the output topic",
      fix: "name another topic",
    });
  }
  return problems;
}

const LAYOUT_FIELDS = [
  ["input.layout.type", "typeField"],
  ["input.layout.deviceId", "deviceField"],
  ["input.layout.sessionId", "sessionField"],
  ["input.layout.accountId", "accountField"],
  ["input.layout.timestamp", "timestampField"],
  ["input.layout.durationSeconds", "durationField"],
] as const satisfies readonly (readonly [ConfigKey, keyof EventLayout])[];

function checkLayouts(ruled: RuledValues): ConfigProblem[] {
  const { values } = ruled;
  const keys = LAYOUT_FIELDS.map(([key]) => key);
  const ends = ["input.layout.startValue", "input.layout.endValue"] as const;
  if (!ruled.areSound("input.layout", "input.topics", ...keys, ...ends)) return [];
  const problems: ConfigProblem[] = [];
  const device = values["input.layout.deviceId"];
  if (device !== null && typeof device !== "string") {
    const topics = inputTopics(values);
    const place = { where: ruled.where("input.layout.deviceId"), key: "input.layout.deviceId" };
    const expected = `a field for each of ${topics.join(", ")}`;
    for (const topic of Object.keys(device).filter((name) => !topics.includes(name))) {
      const found = `the topic ${quote(topic)}, which is not read`;
      problems.push({ ...place, found, expected, fix: "remove it, or add it to input.topics" });
    }
    for (const topic of topics.filter((name) => !Object.hasOwn(device, name))) {
      const found = `no field for the topic ${quote(topic)}`;
      problems.push({ ...place, found, expected, fix: `add ${topic}` });
    }
  }
  for (const [topic, layout] of Object.entries(eventLayouts(values))) {
    const problem = checkLayout(ruled, topic, layout);
    if (problem === null) continue;
    problems.push(problem);
    break;
  }
  return problems;
}

/** Two meanings for one field, or one for both kinds of event, cannot be told apart. */
function checkLayout(ruled: RuledValues, topic: string, layout: EventLayout): ConfigProblem | null {
  const keyByField = new Map<string, ConfigKey>();
  for (const [key, part] of LAYOUT_FIELDS) {
    const other = keyByField.get(layout[part]);
    if (other !== undefined) {
      const changed = ruled.isSet(key) ? key : other;
      return {
        where: ruled.where(changed),
        key: changed,
        found: `the field ${quote(layout[part])} for both ${other} and ${key} (topic ${topic})`,
        expected: "a field of its own for each",
        fix: "name another field",
      };
    }
    keyByField.set(layout[part], key);
  }
  if (layout.startValue !== layout.endValue) return null;
  const changed = ruled.isSet("input.layout.endValue")
    ? "input.layout.endValue"
    : "input.layout.startValue";
  return {
    where: ruled.where(changed),
    key: changed,
    found: `${quote(layout.endValue)} for both the start and the end`,
    expected: "two values that differ",
    fix: "write the type that the events really carry",
  };
}

function checkHttp(ruled: RuledValues): ConfigProblem[] {
  const { values } = ruled;
  if (!ruled.areSound("http.address", "http.tokenFile", "http.insecure")) return [];
  if (!isOpenToOthers(values) || values["http.tokenFile"] !== null || values["http.insecure"]) {
    return [];
  }
  return [{
    where: ruled.where("http.address"),
    key: "http.address",
    found: `${
      quote(formatHostPort(values["http.address"]))
    }, which other machines can reach, and no token`,
    expected: "a loopback address, or a token that clients have to know",
    fix: "set http.tokenFile, or http.insecure: true to serve everybody",
  }];
}

function isOpenToOthers(values: ConfigValues): boolean {
  return !isLoopbackHost(values["http.address"].host);
}

function isLoopbackBroker(broker: string): boolean {
  const parsed = parseHostPort(broker, { portMin: 1, examplePort: 9092 });
  return "value" in parsed && isLoopbackHost(parsed.value.host);
}
