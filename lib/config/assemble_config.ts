import type { Config, Secrets } from "./config.ts";
import type { ConfigValues } from "./config_schema.ts";
import { eventLayouts, inputTopics, isCustomLayout } from "./event_layouts.ts";

/** The configuration as the program reads it, out of one sound value for each key. */
export function assembleConfig(values: ConfigValues, options: {
  readonly secrets: Secrets;
  readonly hostname: string;
  readonly kafkaConfigured: boolean;
}): Config {
  return {
    app: {
      id: values["app.id"],
      node: values["app.node"] ?? options.hostname,
    },
    kafka: {
      configured: options.kafkaConfigured,
      brokers: [...values["kafka.brokers"]],
      tls: {
        enabled: values["kafka.tls.enabled"],
        caFile: values["kafka.tls.caFile"],
        certFile: values["kafka.tls.certFile"],
        keyFile: values["kafka.tls.keyFile"],
        serverName: values["kafka.tls.serverName"],
      },
      sasl: {
        enabled: values["kafka.sasl.username"] !== null,
        mechanism: values["kafka.sasl.mechanism"],
        username: values["kafka.sasl.username"],
        passwordFile: values["kafka.sasl.passwordFile"],
      },
      producer: values["kafka.producer"],
    },
    input: {
      topics: [...inputTopics(values)],
      layoutName: isCustomLayout(values) ? "custom" : values["input.layout"],
      layouts: eventLayouts(values),
      start: values["input.start"],
    },
    output: {
      topic: values["output.topic"],
      layout: values["output.layout"],
      fencing: values["output.fencing"],
      lostSessions: values["output.lostSessions"],
    },
    deadLetters: { topic: values["deadLetters.topic"] },
    session: {
      heartbeatIntervalMs: values["session.heartbeatInterval"],
      maxDurationMs: values["session.maxDuration"],
      graceMs: values["session.grace"],
      missed: values["session.missed"],
    },
    state: { dir: values["state.dir"] },
    checkpoint: { intervalMs: values["checkpoint.interval"] },
    http: {
      address: { ...values["http.address"] },
      tokenFile: values["http.tokenFile"],
      insecure: values["http.insecure"],
    },
    limits: {
      maxSessions: values["limits.maxSessions"],
      maxRemembered: values["limits.maxRemembered"],
      maxEventBytes: values["limits.maxEventBytes"],
    },
    shutdown: { timeoutMs: values["shutdown.timeout"] },
    log: { level: values["log.level"], format: values["log.format"] },
    secrets: { ...options.secrets },
  };
}
