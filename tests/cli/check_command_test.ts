import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli } from "../../lib/cli/cli.ts";
import { FakeSystem } from "./fake_system.ts";

Deno.test("check prints the effective configuration and no secret", async () => {
  const system = new FakeSystem({
    files: { "sw.yaml": "session: { grace: 1m }\nkafka: { sasl: { username: u } }\n" },
    environment: { SESSIONWHEEL__KAFKA__SASL__PASSWORD: "hunter2" },
  });
  assertEquals(await runCli(["check", "--config", "sw.yaml"], system), 0);
  assertStringIncludes(system.out, "  grace: 1m");
  assertStringIncludes(system.out, "# sw.yaml:1:19\n");
  assertEquals(system.error, "");
  assert(!system.out.includes("hunter2"));
});

Deno.test("check tells warnings apart from the configuration", async () => {
  const system = new FakeSystem();
  assertEquals(await runCli(["check", "--set", "session.maxDuration=1s"], system), 0);
  assertEquals(
    system.error,
    "warning: session.maxDuration is not above session.heartbeatInterval: " +
      "sessions have no heartbeats\n",
  );
});

Deno.test("check ends with 78 and tells what is wrong", async () => {
  const system = new FakeSystem({ environment: { SESSIONWHEEL_CONFIG: "nowhere.yaml" } });
  assertEquals(await runCli(["check"], system), 78);
  assertEquals(system.out, "");
  assertEquals(
    system.error,
    `Cannot use the configuration: 1 problem

SESSIONWHEEL_CONFIG=nowhere.yaml
  found     no such file
  expected  a YAML file in UTF-8
  fix       correct the path, or create the file
`,
  );
});

Deno.test("check --connect needs a cluster to ask", async () => {
  const system = new FakeSystem();
  assertEquals(await runCli(["check", "--connect"], system), 78);
  assertEquals(
    system.error,
    "error: no key under kafka is set, so there is no cluster to ask\n",
  );
});
