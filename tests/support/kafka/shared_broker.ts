/**
 * One broker for all the tests of a process, started when the first of them asks for it and ended
 * with the process.
 */

import {
  attachBroker,
  type BrokerRecord,
  recordOf,
  startBroker,
  type TestBroker,
} from "./broker.ts";
import { isAlive } from "./broker_process.ts";
import { brokerAvailable, withMachineLock } from "./kafka_jars.ts";

/** What may be done with a broker that others use at the same time: no ending, no stalling. */
export type SharedBroker = Pick<TestBroker, "bootstrap" | "logFile">;

/** `host:port` of a broker that runs already (run_broker.ts starts one): tests take that one. */
const RUNNING_BROKER = "SESSIONWHEEL_TEST_BROKER";
// Test files are isolates of one process: the environment is what they share.
const SHARED_RECORD = "SESSIONWHEEL_TEST_SHARED_BROKER";

export async function sharedBroker(): Promise<SharedBroker> {
  const running = Deno.env.get(RUNNING_BROKER);
  if (running !== undefined) return { bootstrap: running, logFile: "" };
  return findShared() ?? await withMachineLock("shared-broker", async () => {
    const found = findShared();
    if (found !== undefined) return found;
    const broker = await startBroker();
    Deno.env.set(SHARED_RECORD, JSON.stringify(recordOf(broker)));
    return broker;
  });
}

function findShared(): SharedBroker | undefined {
  const text = Deno.env.get(SHARED_RECORD);
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as BrokerRecord;
  // A child process inherits the variable, and may outlive the broker.
  if (!isAlive(record.pid)) return undefined;
  return attachBroker(record);
}

/**
 * A test against the shared broker. Where no broker can run it is skipped, with the reason in its
 * name; with CI=true it fails instead.
 */
export function brokerTest(
  name: string,
  run: (broker: SharedBroker, t: Deno.TestContext) => Promise<void>,
  options: Partial<Omit<Deno.TestDefinition, "name" | "fn" | "ignore">> = {},
): void {
  kafkaTest(name, async (t) => await run(await sharedBroker(), t), options);
}

/** The same for a test that starts brokers of its own. */
export function kafkaTest(
  name: string,
  run: (t: Deno.TestContext) => Promise<void>,
  options: Partial<Omit<Deno.TestDefinition, "name" | "fn" | "ignore">> = {},
): void {
  const state = brokerAvailable();
  if (state.available || Deno.env.has(RUNNING_BROKER)) {
    Deno.test({ ...options, name, fn: run });
    return;
  }
  const mustRun = Deno.env.get("CI") === "true";
  Deno.test({
    ...options,
    name: `${name} [no test broker: ${state.reason}]`,
    ignore: !mustRun,
    fn: () => {
      throw new Error(`Cannot run a test broker: ${state.reason}`);
    },
  });
}
