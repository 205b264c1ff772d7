/**
 * `deno task bench:start`: how long the program takes from its start, with no state and new topics,
 * until `/readyz` says 200, with a broker that is up. Asked every 20 ms, so a start may be that much
 * shorter than told. Exit code 0, or 64 for wrong arguments.
 */
import { renderSpread } from "../chaos/spread.ts";
import { parseFlags, runProgram, wholeNumber } from "../support/command_line.ts";
import { startBroker } from "../support/kafka/broker.ts";
import { createTopic, uniqueTopic } from "../support/kafka/topics.ts";
import { say } from "../../tools/say.ts";
import { EngineProcess } from "./load/engine_process.ts";
import { describeMachine, type EngineBuild, machineLine } from "./load/machine.ts";

const USAGE = `deno task bench:start [options]

  --starts N        (15)
  --partitions P    of input and output topic each (16)
  --engine PATH     program to measure (dist/sessionwheel, or from source)`;

const FLAGS = {
  "starts": { type: "string", default: "15" },
  "partitions": { type: "string", default: "16" },
  "engine": { type: "string" },
} as const;

interface StartOptions {
  readonly starts: number;
  readonly partitions: number;
  readonly engine: string | null;
}

async function measure({ starts, partitions, engine }: StartOptions): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "sessionwheel-start-" });
  const broker = await startBroker({ jvm: "measured" });
  try {
    const tookMs: number[] = [];
    let description = "";
    let build: EngineBuild | null = null;
    for (let i = 0; i < starts; i++) {
      const topics = { input: uniqueTopic("events"), output: uniqueTopic("sessions") };
      const deadLetters = uniqueTopic("dead-letters");
      await createTopic(broker.bootstrap, topics.input, { partitions });
      await createTopic(broker.bootstrap, topics.output, { partitions });
      await createTopic(broker.bootstrap, deadLetters);
      const process = new EngineProcess({
        program: engine,
        traceGc: false,
        logFile: `${folder}/engine.log`,
        settings: [
          `kafka.brokers=${broker.bootstrap}`,
          `input.topics=${topics.input}`,
          `output.topic=${topics.output}`,
          `deadLetters.topic=${deadLetters}`,
          `state.dir=${folder}/state-${i}`,
          `app.id=start-${i}`,
        ],
      });
      description = process.description;
      const fromMs = performance.now();
      process.start();
      try {
        await process.ready();
        tookMs.push(performance.now() - fromMs);
        build ??= await process.build();
      } finally {
        await process.kill9();
      }
    }
    say(`${machineLine(await describeMachine({ engine: build }))}; engine ${description}`);
    say(`start to /readyz, min / median / max: ${renderSpread(tookMs)}`);
    return 0;
  } finally {
    await broker.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** @throws UsageError */
function parse(args: readonly string[]): StartOptions {
  const { starts, partitions, engine } = parseFlags(args, FLAGS);
  return {
    starts: wholeNumber("starts", starts, 1, 1000),
    partitions: wholeNumber("partitions", partitions, 1, 255),
    engine: engine ?? null,
  };
}

if (import.meta.main) {
  Deno.exit(await runProgram({ usage: USAGE, parse, run: measure }, Deno.args));
}
