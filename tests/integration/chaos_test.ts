import { assertEquals } from "@std/assert";
import { runMode } from "../chaos/chaos_run.ts";
import { KILL_MODE } from "../chaos/kill_runs.ts";
import { kafkaTest } from "../support/kafka/shared_broker.ts";

const KILLS = Deno.env.get("CI") === "true" ? 50 : 10;

kafkaTest(
  `${KILLS} kills at random instants lose nothing, repeat nothing and keep the order`,
  async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
    const { failures, folder } = await runMode(KILL_MODE, KILLS, {
      seed,
      devices: 500,
      // What is compiled may be older than what is tested.
      engine: "main.ts",
      say: () => {},
    });
    assertEquals(failures, [], `seed=${seed}, logs in ${folder}`);
    await Deno.remove(folder, { recursive: true });
  },
  // Engines end with a small shell that watches them.
  { sanitizeOps: false, sanitizeResources: false },
);
