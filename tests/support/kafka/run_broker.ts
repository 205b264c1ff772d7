/**
 * Runs a test broker until it is interrupted: `deno run -A tests/support/kafka/run_broker.ts`.
 * Tests started with SESSIONWHEEL_TEST_BROKER set to the printed address use it.
 */

import { startBroker } from "./broker.ts";

const broker = await startBroker();
await Deno.stdout.write(
  new TextEncoder().encode(
    `SESSIONWHEEL_TEST_BROKER=${broker.bootstrap} (log: ${broker.logFile})\n`,
  ),
);
const { promise, resolve } = Promise.withResolvers<void>();
Deno.addSignalListener("SIGINT", resolve);
Deno.addSignalListener("SIGTERM", resolve);
await promise;
await broker.stop();
Deno.exit(0);
