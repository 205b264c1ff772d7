import { createTopic, type TopicOptions, uniqueTopic } from "../kafka/topics.ts";

/** The topics of one deployment of the program, its settings and its state directory. */
export interface Deployment extends AsyncDisposable {
  readonly bootstrap: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly deadLetters: string;
  readonly settings: Readonly<Record<string, string>>;
}

export interface DeploymentOptions {
  /** Names of the input topics; one of a name of its own where left out. */
  readonly inputs?: readonly string[];
  readonly inputPartitions?: number;
  readonly inputConfig?: TopicOptions["config"];
  readonly deadLetterConfig?: TopicOptions["config"];
  readonly settings?: Readonly<Record<string, string>>;
}

export const OUTPUT_PARTITIONS = 16;

/** Creates the topics; the state directory goes with the deployment, the topics with the broker. */
export async function deploy(
  bootstrap: string,
  options: DeploymentOptions = {},
): Promise<Deployment> {
  const inputs = options.inputs ?? [uniqueTopic("events")];
  const output = uniqueTopic("sessions");
  const deadLetters = uniqueTopic("dlq");
  const stateDir = await Deno.makeTempDir({ prefix: "sessionwheel-end-to-end-" });
  const partitions = options.inputPartitions ?? 16;
  const config = { "retention.bytes": "-1" };
  for (const topic of inputs) {
    await createTopic(bootstrap, topic, { partitions, config: { ...options.inputConfig } });
  }
  await createTopic(bootstrap, output, { partitions: OUTPUT_PARTITIONS, config });
  await createTopic(bootstrap, deadLetters, {
    partitions: 2,
    config: { ...options.deadLetterConfig },
  });
  return {
    bootstrap,
    inputs,
    output,
    deadLetters,
    settings: {
      "app.id": output,
      "kafka.brokers": bootstrap,
      "input.topics": inputs.join(","),
      "output.topic": output,
      "deadLetters.topic": deadLetters,
      "state.dir": stateDir,
      "http.address": "127.0.0.1:0",
      ...options.settings,
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(stateDir, { recursive: true }).catch(() => {});
    },
  };
}
