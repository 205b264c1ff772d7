import { Random } from "../support/random.ts";
import { type BrokerOptions, startBroker, type TestBroker } from "../support/kafka/broker.ts";
import { startTcpProxy, type TcpProxy } from "../support/kafka/tcp_proxy.ts";
import { type ChaosRules, DENSE_RULES } from "./chaos_rules.ts";
import { type ChaosVerdict, ChaosWorld } from "./chaos_world.ts";
import { type EngineCommand, engineCommand } from "./engine_under_test.ts";

export interface ChaosRunOptions {
  readonly seed: number;
  readonly devices: number;
  readonly engine: string | null;
  /** Progress, line by line. */
  readonly say: (line: string) => void;
}

/** What a mode does its harm with. */
export interface ChaosStage {
  readonly world: ChaosWorld;
  readonly broker: TestBroker;
  /** Between engine and broker; the load and the readers go past it. */
  readonly proxy: TcpProxy | null;
  readonly random: Random;
  readonly folder: string;
  readonly say: (line: string) => void;
}

export interface ChaosMode {
  readonly name: string;
  readonly rules?: ChaosRules;
  readonly withProxy?: boolean;
  readonly isSameClock?: boolean;
  /** A part of the devices, where the machine has more to do. */
  readonly devicesShare?: number;
  readonly brokerOptions?: BrokerOptions;
  /**
   * Does it, and leaves an engine running.
   * @param amount How often.
   * @returns what to say of it.
   */
  readonly run: (stage: ChaosStage, amount: number) => Promise<readonly string[]>;
}

/** Runs one mode on a broker of its own, and judges what came out. */
export async function runMode(
  mode: ChaosMode,
  amount: number,
  options: ChaosRunOptions,
): Promise<ChaosVerdict & { readonly folder: string }> {
  const folder = await Deno.makeTempDir({ prefix: "sessionwheel-chaos-" });
  const proxy = mode.withProxy ? startTcpProxy() : null;
  const broker = await startBroker({
    ...mode.brokerOptions,
    ...(proxy === null ? {} : { advertisedPorts: { PLAINTEXT: proxy.port } }),
  });
  proxy?.connectTo(broker.bootstrap);
  let world: ChaosWorld | null = null;
  try {
    world = await ChaosWorld.open({
      broker,
      bootstrap: proxy?.bootstrap ?? broker.bootstrap,
      program: await keptProgram(engineCommand(options.engine), folder),
      rules: mode.rules ?? DENSE_RULES,
      devices: Math.ceil(options.devices * (mode.devicesShare ?? 1)),
      seed: options.seed,
      folder,
      isSameClock: mode.isSameClock ?? true,
    });
    const random = new Random(options.seed + 1);
    const lines = await mode.run(
      { world, broker, proxy, random, folder, say: options.say },
      amount,
    );
    const verdict = await world.finish();
    return { ...verdict, lines: [...lines, ...verdict.lines], folder };
  } catch (error) {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    return { lines: [], failures: [message], folder };
  } finally {
    await world?.close().catch(() => {});
    await broker.stop();
    await proxy?.close();
  }
}

/** A copy: who compiles meanwhile must not change what is tested. */
async function keptProgram(program: EngineCommand, folder: string): Promise<EngineCommand> {
  if (program.args.length > 0) return program;
  const command = `${folder}/sessionwheel`;
  await Deno.copyFile(program.command, command);
  return { ...program, command };
}
