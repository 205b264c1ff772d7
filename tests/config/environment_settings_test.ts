import { assertEquals } from "@std/assert";
import { CONFIG_KEYS } from "../../lib/config/config_schema.ts";
import { environmentName, readEnvironmentSettings } from "../../lib/config/environment_settings.ts";

Deno.test("environmentName() puts two underscores between levels and one between words", () => {
  assertEquals(
    environmentName("session.heartbeatInterval"),
    "SESSIONWHEEL__SESSION__HEARTBEAT_INTERVAL",
  );
  assertEquals(environmentName("kafka.tls.caFile"), "SESSIONWHEEL__KAFKA__TLS__CA_FILE");
  assertEquals(environmentName("deadLetters.topic"), "SESSIONWHEEL__DEAD_LETTERS__TOPIC");
  assertEquals(
    environmentName("input.layout.durationSeconds"),
    "SESSIONWHEEL__INPUT__LAYOUT__DURATION_SECONDS",
  );
});

Deno.test("environmentName() differs for every key", () => {
  assertEquals(new Set(CONFIG_KEYS.map(environmentName)).size, CONFIG_KEYS.length);
});

Deno.test("readEnvironmentSettings() reads every key by its name", () => {
  for (const key of CONFIG_KEYS) {
    const name = environmentName(key);
    assertEquals(readEnvironmentSettings({ [name]: " x " }), {
      settings: [{ key, source: "environment", raw: { kind: "text", text: "x", where: name } }],
      problems: [],
    });
  }
});

Deno.test("readEnvironmentSettings() takes an empty variable for one that is not set", () => {
  const environment = { SESSIONWHEEL__APP__ID: "", SESSIONWHEEL__APP__NODE: "  " };
  assertEquals(readEnvironmentSettings(environment), { settings: [], problems: [] });
});

Deno.test("readEnvironmentSettings() leaves alone what is not ours", () => {
  const environment = {
    PATH: "/bin",
    SESSIONWHEEL_CONFIG: "sw.yaml",
    SESSIONWHEEL_PORT: "tcp://10.0.0.1:80",
    SESSIONWHEEL_PORT_80_TCP_ADDR: "10.0.0.1",
    SESSIONWHEEL_SERVICE_HOST: "10.0.0.1",
    SESSIONWHEELS__APP__ID: "x",
  };
  assertEquals(readEnvironmentSettings(environment), { settings: [], problems: [] });
});

const UNKNOWN: readonly (readonly [name: string, fix: string])[] = [
  ["SESSIONWHEEL__SESION__GRACE", "did you mean SESSIONWHEEL__SESSION__GRACE?"],
  ["SESSIONWHEEL__SESSION_GRACE", "did you mean SESSIONWHEEL__SESSION__GRACE?"],
  ["SESSIONWHEEL_SESSION__GRACE", "did you mean SESSIONWHEEL__SESSION__GRACE?"],
  [
    "SESSIONWHEEL__SESSION__HEARTBEATINTERVAL",
    "did you mean SESSIONWHEEL__SESSION__HEARTBEAT_INTERVAL?",
  ],
  ["SESSIONWHEEL__FOO", "unset it (`sessionwheel help config` lists all keys)"],
];

for (const [name, fix] of UNKNOWN) {
  Deno.test(`readEnvironmentSettings() refuses ${name} without repeating its value`, () => {
    const { settings, problems } = readEnvironmentSettings({ [name]: "hunter2" });
    assertEquals(settings, []);
    assertEquals(problems, [{
      where: name,
      key: "",
      found: "an unknown variable",
      expected: "a key of the configuration in upper case, two underscores between levels",
      fix,
    }]);
  });
}
