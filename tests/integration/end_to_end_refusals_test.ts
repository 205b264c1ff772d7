import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { addPartitions } from "../support/end_to_end/add_partitions.ts";
import { deploy, type Deployment, OUTPUT_PARTITIONS } from "../support/end_to_end/deployment.ts";
import { EventStream } from "../support/end_to_end/event_stream.ts";
import { type LogLine, runProgram, withProgram } from "../support/end_to_end/running_program.ts";
import { readTopic } from "../support/end_to_end/topic_records.ts";
import { kcatProduce } from "../support/kafka/kcat.ts";
import { brokerTest, kafkaTest } from "../support/kafka/shared_broker.ts";
import { uniqueTopic } from "../support/kafka/topics.ts";

brokerTest(
  "An output topic that would lead sessions astray is refused with what to do",
  async ({ bootstrap }) => {
    await Promise.all([
      refusesAnotherPartitionCount(bootstrap),
      refusesForeignRecord(bootstrap),
      refusesSecondProcess(bootstrap),
    ]);
  },
);

brokerTest(
  "topics and check --connect tell by their exit code how it is",
  async ({ bootstrap }) => {
    const events = uniqueTopic("events");
    const output = uniqueTopic("sessions");
    const settings = {
      "kafka.brokers": bootstrap,
      "input.topics": events,
      "output.topic": output,
      "deadLetters.topic": `${output}.dlq`,
    };
    const run = (...args: string[]) => runProgram(args, { settings });
    const missing = await run("topics", "check");
    assertEquals(missing.code, 78, missing.stdout);
    assertStringIncludes(missing.stdout, `Topic ${output} does not exist`);
    assertEquals((await run("check", "--connect")).code, 78);

    const created = await run("topics", "create", "--partitions", "6");
    assertEquals(created.code, 0, created.stderr);
    assertEquals(
      created.stdout,
      `${events}: created\n${output}: created\n${output}.dlq: created\n`,
    );
    const again = await run("topics", "create", "--partitions", "7");
    assertEquals([again.code, again.stdout], [0, created.stdout.replaceAll("created", "exists")]);

    const fit = await run("topics", "check");
    assertEquals(fit.code, 0, fit.stdout);
    assertStringIncludes(fit.stdout, `Topic ${output} has 6 partition(s)`);
    const connected = await run("check", "--connect");
    assertEquals(connected.code, 0, connected.stderr);
    assertStringIncludes(connected.stdout, output);
  },
);

kafkaTest("Commands that need a broker say that none answers, with exit code 69", async () => {
  const settings = { "kafka.brokers": `127.0.0.1:${freePort()}` };
  const commands = [["topics", "create"], ["topics", "check"], ["check", "--connect"]];
  const outcomes = await Promise.all(commands.map((args) => runProgram(args, { settings })));
  for (const { code, stdout, stderr } of outcomes) {
    assertEquals(code, 69, stdout + stderr);
    assertStringIncludes(stdout + stderr, settings["kafka.brokers"]);
  }
  const address = `127.0.0.1:${freePort()}`;
  const health = await runProgram(["health"], { settings: { "http.address": address } });
  assertEquals(health.code, 69);
  assertStringIncludes(health.stderr, address);
});

async function refusesAnotherPartitionCount(bootstrap: string): Promise<void> {
  await using deployment = await deployWithSession(bootstrap);
  await addPartitions(bootstrap, deployment.output, OUTPUT_PARTITIONS + 1);
  const line = await refusedStart(deployment);
  assertStringIncludes(line.message, `${deployment.output} has 17 partitions`);
  assertStringIncludes(line.message, "Go back to 16 partitions");
  assertStringIncludes(line.message, "move to a new output topic");
}

async function refusesForeignRecord(bootstrap: string): Promise<void> {
  await using deployment = await deployWithSession(bootstrap);
  const record = { key: "a", value: '{"deviceId":"a"}' };
  await kcatProduce(bootstrap, deployment.output, [record], { partition: 3 });
  const line = await refusedStart(deployment);
  assertStringIncludes(line.message, `Partition 3 of the output topic ${deployment.output}`);
  assertStringIncludes(line.message, "sessionwheel did not write");
}

/** One with the same state directory does not start; one with another takes over. */
async function refusesSecondProcess(bootstrap: string): Promise<void> {
  await using deployment = await deploy(bootstrap, {
    settings: { "session.heartbeatInterval": "200ms", "session.maxDuration": "10m" },
  });
  await using other = await deploy(bootstrap);
  const stream = streamTo(deployment);
  await withProgram(deployment, async (first) => {
    await first.ready();
    // A session in each shard, so that each has something to write before long.
    await stream.produce(
      Array.from(
        { length: 200 },
        (_, i) => ({ kind: "start", deviceId: `device-${i}`, sessionId: "1" }),
      ),
    );
    await first.untilMetrics("the sessions", (it) => it.sum("sessions_active") === 200);

    const sameDirectory = await withProgram(deployment, async (second) => await second.ended);
    assertEquals(sameDirectory, 74);
    assertEquals((await first.get("/readyz")).status, 200);

    const settings = { ...deployment.settings, "state.dir": other.settings["state.dir"]! };
    await withProgram({ settings }, async (second) => {
      await second.ready();
      assertEquals(await first.ended, 78);
      const [last] = first.lines.filter(({ level }) => level === "error").slice(-1);
      assertStringIncludes(last!.message, "Another sessionwheel has taken over");
      await second.untilMetrics(
        "heartbeats of the one that took over",
        (it) => it.sum("records_total", { status: "SessionHeartbeat" }) > 400,
      );
      assertEquals(await second.terminate(), 0);
    });
  });
  const seqs = new Map<string, number>();
  for (const { key, value, offset } of await readTopic(bootstrap, deployment.output)) {
    const { seq } = JSON.parse(value!);
    assert(seq > (seqs.get(key!) ?? -1), `${key}@${offset}: ${seq} after ${seqs.get(key!)}`);
    seqs.set(key!, seq);
  }
  assertEquals(seqs.size, 200);
}

/** A deployment that has run once and left an active session. */
async function deployWithSession(bootstrap: string): Promise<Deployment> {
  const deployment = await deploy(bootstrap);
  await withProgram(deployment, async (program) => {
    await program.ready();
    await streamTo(deployment).produce([{ kind: "start", deviceId: "a", sessionId: "1" }]);
    await program.untilMetrics("the session", (it) => it.sum("records_total") === 1);
    assertEquals(await program.terminate(), 0);
  });
  return deployment;
}

/** @returns the last line of the log of a start that ends with exit code 78. */
async function refusedStart(deployment: Deployment): Promise<LogLine> {
  return await withProgram(deployment, async (program) => {
    assertEquals(await program.ended, 78);
    const line = program.lines.at(-1)!;
    assertEquals([line.level, line.exitCode], ["error", 78]);
    return line;
  });
}

function streamTo({ bootstrap, inputs }: Deployment): EventStream {
  return new EventStream(bootstrap, { layout: "plain", topics: inputs, seed: 5 });
}

/** A port that nobody listens on, and that no test of ours is given. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
