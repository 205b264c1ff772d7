/**
 * The jars of Apache Kafka for tests: resolved by Maven once per machine, kept in a cache folder
 * outside of the repository.
 */

export const KAFKA_VERSION = "4.3.1";

// Without a binding of slf4j the broker is silent, errors included.
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sessionwheel.test</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
</project>
`;

export type BrokerAvailability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/** Whether this machine has what it takes: Java, kcat, openssl, and Maven unless the jars are here. */
export function brokerAvailable(): BrokerAvailability {
  if (Deno.build.os === "windows") {
    return { available: false, reason: "the test broker needs a POSIX shell" };
  }
  for (const program of ["java", "kcat", "openssl"]) {
    if (!onPath(program)) return { available: false, reason: `${program} is not on the PATH` };
  }
  if (!onPath("mvn") && !exists(jarsDirectory())) {
    return { available: false, reason: "mvn is not on the PATH" };
  }
  return { available: true };
}

/**
 * The Java class path of a broker; the first call on a machine lets Maven fetch 46 jars, 45 MB.
 * Several processes may call at once.
 */
export async function kafkaClassPath(): Promise<string> {
  const directory = jarsDirectory();
  if (!exists(directory)) {
    await withMachineLock("jars", async () => {
      if (!exists(directory)) await copyJars(directory);
    });
  }
  return `${directory}/*`;
}

/** Runs `task` while no other process or isolate of this machine's user runs one by that name. */
export async function withMachineLock<Result>(
  name: string,
  task: () => Promise<Result>,
): Promise<Result> {
  await Deno.mkdir(cacheDirectory(), { recursive: true });
  const lock = await Deno.open(`${cacheDirectory()}/${name}.lock`, { create: true, write: true });
  try {
    await lock.lock(true);
    return await task();
  } finally {
    lock.close();
  }
}

async function copyJars(directory: string): Promise<void> {
  const work = await Deno.makeTempDir({ dir: cacheDirectory(), prefix: "resolving-" });
  try {
    await Deno.writeTextFile(`${work}/pom.xml`, POM);
    const { success, stdout, stderr } = await new Deno.Command("mvn", {
      args: [
        "-B",
        "-q",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        "-DoutputDirectory=lib",
      ],
      cwd: work,
    }).output();
    if (!success) {
      const decoder = new TextDecoder();
      throw new Error(
        `Cannot get the jars of Kafka ${KAFKA_VERSION} with Maven:\n` +
          decoder.decode(stdout) + decoder.decode(stderr),
      );
    }
    await Deno.rename(`${work}/lib`, directory);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function cacheDirectory(): string {
  const base = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "."}/.cache`;
  return `${base}/sessionwheel-test-kafka`;
}

function jarsDirectory(): string {
  return `${cacheDirectory()}/kafka-${KAFKA_VERSION}`;
}

function onPath(program: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => folder !== "" && exists(`${folder}/${program}`));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
