/** A real Apache Kafka broker for tests: one KRaft node on free ports with data of its own. */

import {
  brokerProperties,
  type BrokerPropertiesOptions,
  type ListenerName,
  type SaslUser,
} from "./broker_properties.ts";
import { endProcess, isAlive, pause, startBrokerProcess } from "./broker_process.ts";
import { kafkaClassPath } from "./kafka_jars.ts";
import { answersMetadata } from "./wire_client.ts";
import { makeTlsCertificates, type TlsCertificates } from "./tls_certificates.ts";

export interface BrokerOptions {
  /** Listeners beside PLAINTEXT, which is always there. */
  readonly listeners?: readonly ListenerName[];
  /** Users of the SASL listeners, good for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly users?: readonly SaslUser[];
  /** What the SSL listeners ask of clients. Default `requested`: a certificate or none. */
  readonly tlsClientAuth?: "none" | "requested" | "required";
  /** Ports that clients are told instead of the real ones: put a proxy's here. */
  readonly advertisedPorts?: Partial<Record<ListenerName, number>>;
  /** Lines of `server.properties` that are added or win. */
  readonly properties?: Readonly<Record<string, string>>;
  /** `quick` (default) starts fast and stays small; `measured` compiles and has 1 GB, for benches. */
  readonly jvm?: "quick" | "measured";
}

export interface TestBroker {
  /** `127.0.0.1:port` of the PLAINTEXT listener itself, whatever is advertised. */
  readonly bootstrap: string;
  /** The same for each listener. */
  readonly listeners: Readonly<Partial<Record<ListenerName, string>>>;
  /** Present when there is an SSL listener. */
  readonly certificates: TlsCertificates | undefined;
  readonly folder: string;
  readonly logFile: string;
  /** Of the Java process; changes with every `restart`. */
  readonly pid: number;
  /** Ends the broker for good and removes its data. */
  stop(): Promise<void>;
  /** Ends it without a chance to write anything. The data stay. */
  kill9(): Promise<void>;
  /** Ends it in order. The data stay. */
  shutDown(): Promise<void>;
  /** Starts it on the same ports and data, after `kill9` or `shutDown`, or after one of its own. */
  restart(): Promise<void>;
  /** Stops it in its tracks: connections stay open, nothing is answered. */
  suspend(): void;
  resume(): void;
}

/** Everything needed to find a broker again from another isolate. */
export interface BrokerRecord {
  readonly folder: string;
  readonly ports: readonly (readonly [string, number])[];
  readonly certificates: TlsCertificates | undefined;
  readonly command: readonly string[];
  pid: number;
}

/**
 * Starts a broker and waits until it answers. About 4 s, 350 MB.
 * @throws Error with the end of the broker's log, when it does not come up within 60 s.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  for (let attempt = 1;; attempt++) {
    const folder = await Deno.makeTempDir({ prefix: "sessionwheel-test-kafka-" });
    const record = await prepareBroker(folder, options);
    const broker = new JavaBroker(record);
    try {
      await broker.restart();
      return broker;
    } catch (error) {
      await broker.stop();
      // The ports were free when they were chosen; somebody else may have been quicker.
      if (attempt < 3 && /Address already in use/.test(String(error))) continue;
      throw error;
    }
  }
}

/** A broker that was started elsewhere, by its record. */
export function attachBroker(record: BrokerRecord): TestBroker {
  return new JavaBroker(record);
}

export function recordOf(broker: TestBroker): BrokerRecord {
  if (!(broker instanceof JavaBroker)) throw new Error("Not a broker started by startBroker()");
  return broker.record;
}

class JavaBroker implements TestBroker {
  readonly record: BrokerRecord;
  readonly bootstrap: string;
  readonly listeners: Readonly<Partial<Record<ListenerName, string>>>;

  constructor(record: BrokerRecord) {
    this.record = record;
    const listeners: Partial<Record<ListenerName, string>> = {};
    for (const [name, port] of record.ports) {
      if (name !== "INTERNAL" && name !== "CONTROLLER") {
        listeners[name as ListenerName] = `127.0.0.1:${port}`;
      }
    }
    this.listeners = listeners;
    this.bootstrap = `127.0.0.1:${this.#port("PLAINTEXT")}`;
  }

  get certificates(): TlsCertificates | undefined {
    return this.record.certificates;
  }

  get folder(): string {
    return this.record.folder;
  }

  get logFile(): string {
    return `${this.record.folder}/broker.log`;
  }

  get pid(): number {
    return this.record.pid;
  }

  async stop(): Promise<void> {
    await this.kill9();
    await Deno.remove(this.folder, { recursive: true }).catch(() => {});
  }

  async kill9(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async shutDown(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async restart(): Promise<void> {
    await this.shutDown();
    this.record.pid = await startBrokerProcess(this.folder, this.record.command);
    const deadlineMs = performance.now() + 60_000;
    while (!await answersMetadata(this.bootstrap)) {
      if (!isAlive(this.pid)) throw await this.#failure("its process ended");
      if (performance.now() > deadlineMs) throw await this.#failure("no answer within 60 s");
      await pause(50);
    }
  }

  suspend(): void {
    Deno.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    Deno.kill(this.pid, "SIGCONT");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (this.pid === 0) return;
    await endProcess(this.pid, signal);
    this.record.pid = 0;
  }

  #port(listener: string): number {
    const found = this.record.ports.find(([name]) => name === listener);
    if (found === undefined) throw new Error(`No listener ${listener}`);
    return found[1];
  }

  async #failure(reason: string): Promise<Error> {
    const texts = await Promise.all(
      [`${this.folder}/stdout.log`, this.logFile].map((path) =>
        Deno.readTextFile(path).catch(() => "")
      ),
    );
    const log = texts.join("").slice(-6000);
    return new Error(`Cannot start a test broker: ${reason}. The end of its log:\n${log}`);
  }
}

async function prepareBroker(folder: string, options: BrokerOptions): Promise<BrokerRecord> {
  const listeners = new Set<ListenerName>(["PLAINTEXT", ...options.listeners ?? []]);
  const names = [...listeners, "INTERNAL", "CONTROLLER"] as const;
  const freePorts = chooseFreePorts(names.length);
  const ports = new Map(names.map((name, i) => [name, freePorts[i]!] as const));
  const withTls = listeners.has("SSL") || listeners.has("SASL_SSL");
  const certificates = withTls ? await makeTlsCertificates(`${folder}/tls`) : undefined;
  const tls: BrokerPropertiesOptions["tls"] = certificates && {
    keyStore: certificates.serverKeyStoreFile,
    trustStore: certificates.caFile,
    clientAuth: options.tlsClientAuth ?? "requested",
  };
  const propertiesFile = `${folder}/server.properties`;
  await Deno.writeTextFile(
    propertiesFile,
    brokerProperties({
      directory: folder,
      ports,
      advertisedPorts: new Map(
        Object.entries(options.advertisedPorts ?? {}) as [ListenerName, number][],
      ),
      users: options.users ?? [],
      tls,
      properties: options.properties ?? {},
    }),
  );
  await Deno.writeTextFile(`${folder}/log4j2.properties`, logProperties(folder));
  const classPath = await kafkaClassPath();
  await formatStorage(folder, classPath, propertiesFile, options.users ?? []);
  const command = [
    "java",
    ...(options.jvm === "measured" ? MEASURED_JVM : QUICK_JVM),
    `-Dlog4j2.configurationFile=${folder}/log4j2.properties`,
    "-cp",
    classPath,
    "kafka.Kafka",
    propertiesFile,
  ];
  return { folder, ports: [...ports], certificates, command, pid: 0 };
}

const QUICK_JVM = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const MEASURED_JVM = [
  "-Xms2g",
  "-Xmx2g",
  "-XX:+UseZGC",
  "-XX:ConcGCThreads=1",
  "-XX:+AlwaysPreTouch",
];

function logProperties(folder: string): string {
  return `status=error
appender.file.type=File
appender.file.name=file
appender.file.fileName=${folder}/broker.log
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{ISO8601} %p %m (%c)%n
rootLogger.level=info
rootLogger.appenderRef.file.ref=file
`;
}

async function formatStorage(
  folder: string,
  classPath: string,
  propertiesFile: string,
  users: readonly SaslUser[],
): Promise<void> {
  const scram = users.flatMap(({ username, password }) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${username},password=${password}]`,
    ])
  );
  const { success, stdout, stderr } = await new Deno.Command("java", {
    args: [
      ...QUICK_JVM,
      `-Dlog4j2.configurationFile=${folder}/log4j2.properties`,
      "-cp",
      classPath,
      "kafka.tools.StorageTool",
      "format",
      "-t",
      "4cnUsgLATQKn2CFgI7SbOw",
      "-c",
      propertiesFile,
      ...scram,
    ],
  }).output();
  if (!success) {
    const decoder = new TextDecoder();
    throw new Error(
      `Cannot format the storage of a test broker: ${decoder.decode(stdout)}${
        decoder.decode(stderr)
      }`,
    );
  }
}

function chooseFreePorts(count: number): number[] {
  const sockets = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = sockets.map((socket) => socket.addr.port);
  for (const socket of sockets) socket.close();
  return ports;
}
