import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { deploy, type Deployment } from "../support/end_to_end/deployment.ts";
import { EventStream } from "../support/end_to_end/event_stream.ts";
import { runProgram, type Settings, withProgram } from "../support/end_to_end/running_program.ts";
import { readTopic } from "../support/end_to_end/topic_records.ts";
import { startBroker, type TestBroker } from "../support/kafka/broker.ts";
import { kafkaTest } from "../support/kafka/shared_broker.ts";

const USERNAME = "engine";
const PASSWORD = "a-secret-of-the-engine";
const WRONG_PASSWORD = "not-the-secret-of-the-engine";

kafkaTest("The program logs in over TLS, and says so when it is refused", async () => {
  const broker = await startBroker({
    listeners: ["SASL_SSL"],
    users: [{ username: USERNAME, password: PASSWORD }],
  });
  try {
    await Promise.all([
      keepsSessions(broker, { mechanism: "scram-sha-512", passwordIn: "file" }),
      keepsSessions(broker, { mechanism: "plain", passwordIn: "environment" }),
      waitsForPassword(broker, {
        mechanism: "scram-sha-512",
        refusal: "invalid credentials with SASL mechanism SCRAM-SHA-512",
      }),
      waitsForPassword(broker, { mechanism: "plain", refusal: "Invalid username or password" }),
    ]);
  } finally {
    await broker.stop();
  }
});

interface Login {
  readonly mechanism: "scram-sha-512" | "plain";
  readonly passwordIn: "file" | "environment";
  readonly password?: string;
}

async function keepsSessions(broker: TestBroker, login: Login): Promise<void> {
  await using deployment = await deploy(broker.bootstrap);
  const settings = await secureSettings(deployment, broker, login);
  const check = await runProgram(["check", "--connect"], settings);
  assertEquals(check.code, 0, check.stderr);
  const stream = new EventStream(broker.bootstrap, {
    layout: "plain",
    topics: deployment.inputs,
    seed: 4,
  });
  await withProgram(settings, async (program) => {
    await program.ready();
    await stream.produce([{ kind: "start", deviceId: "a", sessionId: "1" }]);
    await program.untilMetrics("the session", (metrics) => metrics.sum("sessions_active") === 1);
    await stream.produce([{ kind: "end", deviceId: "a", sessionId: "1" }]);
    await program.untilMetrics(
      "its end",
      (metrics) => metrics.sum("records_total", { status: "SessionEnd" }) === 1,
    );
    const metrics = await program.metrics();
    assertEquals(await program.terminate(), 0);
    assertKeepsSecret(JSON.stringify(program.lines) + metrics.text + check.stdout + check.stderr);
  });
  const output = await readTopic(broker.bootstrap, deployment.output);
  const statuses = output.map(({ value }) => JSON.parse(value!).status);
  assertEquals(statuses, ["SessionStart", "SessionEnd"]);
}

async function waitsForPassword(
  broker: TestBroker,
  { mechanism, refusal }: { mechanism: Login["mechanism"]; refusal: string },
): Promise<void> {
  await using deployment = await deploy(broker.bootstrap);
  const settings = await secureSettings(deployment, broker, {
    mechanism,
    passwordIn: "file",
    password: WRONG_PASSWORD,
  });
  const check = await runProgram(["check", "--connect"], settings);
  assertEquals(check.code, 78);
  assertStringIncludes(check.stderr, "refuses the login");
  const refusals = async () => (await Deno.readTextFile(broker.logFile)).split(refusal).length - 1;
  const refusedBefore = await refusals();
  await withProgram(settings, async (program) => {
    await program.logged(({ level, message }) =>
      level === "error" && message.includes("refuses the login")
    );
    await program.until(
      "it to have tried more often than a broker that starts would need",
      async () => await refusals() - refusedBefore > 3,
    );
    const ready = await program.get("/readyz");
    assertEquals([ready.status, (await program.get("/livez")).status], [503, 200], ready.body);
    assertEquals(await program.terminate(), 0);
    assertKeepsSecret(JSON.stringify(program.lines) + check.stdout + check.stderr);
  });
}

async function secureSettings(
  { settings }: Deployment,
  { listeners, certificates }: TestBroker,
  { mechanism, passwordIn, password = PASSWORD }: Login,
): Promise<Settings> {
  const passwordFile = `${settings["state.dir"]}.password`;
  const secure: Record<string, string> = {
    ...settings,
    "kafka.brokers": listeners.SASL_SSL!,
    "kafka.tls.enabled": "on",
    "kafka.tls.caFile": certificates!.caFile,
    "kafka.sasl.mechanism": mechanism,
    "kafka.sasl.username": USERNAME,
  };
  if (passwordIn === "environment") {
    return { settings: secure, env: { SESSIONWHEEL__KAFKA__SASL__PASSWORD: password } };
  }
  await Deno.mkdir(settings["state.dir"]!, { recursive: true });
  await Deno.writeTextFile(passwordFile, `${password}\n`, { mode: 0o600 });
  return { settings: { ...secure, "kafka.sasl.passwordFile": passwordFile } };
}

function assertKeepsSecret(text: string): void {
  for (const secret of [PASSWORD, WRONG_PASSWORD]) {
    assert(!text.includes(secret), "a password was printed");
  }
}
