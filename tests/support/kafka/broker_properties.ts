/** The configuration of a single KRaft node for tests: small, quick to start, quick to stop. */

/** The names of the listeners that a client may connect to. */
export type ListenerName = "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";

export interface SaslUser {
  readonly username: string;
  readonly password: string;
}

export interface BrokerPropertiesOptions {
  readonly directory: string;
  /** Ports of 127.0.0.1: one per client listener, one for the broker itself, one to control. */
  readonly ports: ReadonlyMap<ListenerName | "INTERNAL" | "CONTROLLER", number>;
  /** Ports that clients are told instead, such as a proxy's. */
  readonly advertisedPorts: ReadonlyMap<ListenerName, number>;
  readonly users: readonly SaslUser[];
  readonly tls:
    | { readonly keyStore: string; readonly trustStore: string; readonly clientAuth: string }
    | undefined;
  /** Whatever else; wins over what is here. */
  readonly properties: Readonly<Record<string, string>>;
}

/** The text of `server.properties`. */
export function brokerProperties(options: BrokerPropertiesOptions): string {
  const properties: Record<string, string> = {
    ...listenerProperties(options),
    ...SMALL_NODE,
    ...saslProperties(options),
    ...tlsProperties(options),
    "log.dirs": `${options.directory}/data`,
    ...options.properties,
  };
  return Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join("");
}

const SMALL_NODE: Readonly<Record<string, string>> = {
  "process.roles": "broker,controller",
  "node.id": "1",
  "num.network.threads": "1",
  "num.io.threads": "2",
  "num.replica.fetchers": "1",
  "background.threads": "2",
  "num.recovery.threads.per.data.dir": "2",
  "offsets.topic.num.partitions": "1",
  "offsets.topic.replication.factor": "1",
  "transaction.state.log.num.partitions": "1",
  "transaction.state.log.replication.factor": "1",
  "transaction.state.log.min.isr": "1",
  "share.coordinator.state.topic.num.partitions": "1",
  "share.coordinator.state.topic.replication.factor": "1",
  "share.coordinator.state.topic.min.isr": "1",
  "default.replication.factor": "1",
  "min.insync.replicas": "1",
  "auto.create.topics.enable": "false",
  // A joining consumer group waits 3 s for others by default.
  "group.initial.rebalance.delay.ms": "0",
  // Nobody takes over from a single node.
  "controlled.shutdown.enable": "false",
  // A restarted node is let in again only after the session of its last life: 9 s by default.
  "broker.session.timeout.ms": "1500",
  "broker.heartbeat.interval.ms": "300",
  "log.segment.bytes": "67108864",
  "log.retention.bytes": "536870912",
  "log.segment.delete.delay.ms": "1000",
  // 128 MB at start by default.
  "log.cleaner.dedupe.buffer.size": "4194304",
  "socket.send.buffer.bytes": "1048576",
  "socket.receive.buffer.bytes": "1048576",
};

function listenerProperties(options: BrokerPropertiesOptions): Record<string, string> {
  const { ports, advertisedPorts } = options;
  const listeners = [...ports].map(([name, port]) => `${name}://127.0.0.1:${port}`);
  const advertised = [...ports].filter(([name]) => name !== "CONTROLLER").map(([name, port]) =>
    `${name}://127.0.0.1:${advertisedPorts.get(name as ListenerName) ?? port}`
  );
  const protocols = [...ports.keys()].map((name) => {
    const protocol = name === "INTERNAL" || name === "CONTROLLER" ? "PLAINTEXT" : name;
    return `${name}:${protocol}`;
  });
  return {
    listeners: listeners.join(","),
    "advertised.listeners": advertised.join(","),
    "listener.security.protocol.map": protocols.join(","),
    // A listener of its own, so that a proxy before a client listener does not cut the broker
    // off from itself (transaction markers take this way).
    "inter.broker.listener.name": "INTERNAL",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": `1@127.0.0.1:${ports.get("CONTROLLER")}`,
  };
}

function saslProperties(options: BrokerPropertiesOptions): Record<string, string> {
  const properties: Record<string, string> = {};
  const users = options.users.map((user) => ` user_${user.username}="${user.password}"`).join("");
  for (const listener of ["SASL_PLAINTEXT", "SASL_SSL"] as const) {
    if (!options.ports.has(listener)) continue;
    const prefix = `listener.name.${listener.toLowerCase()}`;
    const security = "org.apache.kafka.common.security";
    properties[`${prefix}.sasl.enabled.mechanisms`] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512";
    properties[`${prefix}.plain.sasl.jaas.config`] =
      `${security}.plain.PlainLoginModule required${users};`;
    for (const mechanism of ["scram-sha-256", "scram-sha-512"]) {
      properties[`${prefix}.${mechanism}.sasl.jaas.config`] =
        `${security}.scram.ScramLoginModule required;`;
    }
  }
  return properties;
}

function tlsProperties(options: BrokerPropertiesOptions): Record<string, string> {
  if (options.tls === undefined) return {};
  return {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": options.tls.keyStore,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": options.tls.trustStore,
    "ssl.client.auth": options.tls.clientAuth,
  };
}
