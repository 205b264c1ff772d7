import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli } from "../../lib/cli/cli.ts";
import { fromFileUrl, REPOSITORY } from "../../tools/repository.ts";
import { FakeSystem } from "./fake_system.ts";

const START_A = '{"type":"start","deviceId":"a","sessionId":1,"timestamp":"2025-11-01T00:00:00Z"}';
const END_A = '{"type":"end","deviceId":"a","sessionId":1,"timestamp":"2025-11-01T00:00:45Z"}';
const GARBAGE = "garbage";

interface Run {
  readonly code: number;
  readonly error: string;
  /** Values of the records in `--output`. */
  readonly records: Record<string, unknown>[];
  readonly outputText: string;
  readonly dlqText: string;
}

/** Runs `replay in.jsonl --output out.jsonl` in a directory of its own; `$` in a flag is that. */
async function run(
  lines: readonly string[],
  flags: readonly string[] = [],
  system: FakeSystem = new FakeSystem(),
): Promise<Run> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/in.jsonl`, lines.map((line) => `${line}\n`).join(""));
    const args = flags.map((flag) => flag.replace("$", directory));
    const output = args.includes("--output") ? [] : ["--output", `${directory}/out.jsonl`];
    const code = await runCli(["replay", `${directory}/in.jsonl`, ...output, ...args], system);
    const outputText = await textOrEmpty(`${directory}/out.jsonl`);
    return {
      code,
      error: system.error.replaceAll(directory, "$"),
      outputText,
      records: outputText.split("\n").slice(0, -1).map((text) => JSON.parse(text).value),
      dlqText: await textOrEmpty(`${directory}/dlq.jsonl`),
    };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function textOrEmpty(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function statuses({ records }: Run): unknown[] {
  return records.map(({ status, reason }) => reason ?? status);
}

Deno.test("replay writes one line a record and a summary, and exits with 0", async () => {
  const result = await run([START_A, "", '{"type":"ping"}', END_A]);
  assertEquals(result.code, 0);
  assertEquals(statuses(result), ["SessionStart", "SessionHeartbeat", "ended"]);
  assertMatch(result.outputText, /^\{"key":"a","partition":\d+,"value":\{"deviceId":"a",/);
  assertMatch(result.error, /^lines +4\nevents +2 {2}\(start 1, end 1\)\n/);
  assertMatch(result.error, /\nignored +2 {2}\(empty or null 1, other type 1\)\nrejected +0\n/);
  assertStringIncludes(result.error, "(SessionStart 1, SessionHeartbeat 1, SessionEnd 1)\n");
  assertMatch(result.error, /\nactive +0 {2}\(at 2025-11-01T00:00:45.000Z\)\n/);
  assertMatch(result.error, /\ntook +[\d.]+ s, [\d,]+ events\/s\n$/);
});

Deno.test("replay --until fires what is due by then, inclusive", async () => {
  const at = (instant: string) => run([START_A], ["--until", instant]);
  assertEquals((await at("2025-11-01T00:00:29.999Z")).records.length, 1);
  assertEquals((await at("2025-11-01T00:00:30Z")).records.length, 2);
  assertEquals((await at("2024-11-01T00:00:30Z")).records.length, 1);
});

Deno.test("replay --drain goes on until no session is active, also after --until", async () => {
  const drained = await run([START_A], ["--drain"]);
  assertEquals(drained.records.length, 61);
  assertEquals(statuses(drained).at(-1), "timeout");
  const both = await run([START_A], ["--until", "2025-11-01T00:05:00Z", "--drain"]);
  assertEquals(both.outputText, drained.outputText);
});

Deno.test("replay --partitions only changes the partition of the lines", async () => {
  const few = await run([START_A], ["--partitions", "1"]);
  const many = await run([START_A], ["--partitions=1000"]);
  assertStringIncludes(few.outputText, ',"partition":0,');
  assertEquals(many.outputText.includes(',"partition":0,'), false);
  assertEquals(many.records, few.records);
});

Deno.test("replay writes rejected lines to standard error, or to --dlq", async () => {
  const letter = /^\{"line":1,"reason":"not_json","detail":"[^"]+","value":"garbage"\}\n/;
  const told = await run([START_A, GARBAGE]);
  assertMatch(told.error, letter);
  const kept = await run([START_A, GARBAGE], ["--dlq", "$/dlq.jsonl"]);
  assertMatch(kept.dlqText, letter);
  assertEquals(kept.error.includes("garbage"), false);
  assertStringIncludes(kept.error, "(not_json 1)");
  assertEquals([told.code, kept.code], [0, 0]);
});

Deno.test("replay --strict exits with 65 when a line was rejected, with everything written", async () => {
  const bad = await run([START_A, GARBAGE, END_A], ["--strict"]);
  assertEquals([bad.code, bad.records.length], [65, 3]);
  assertEquals((await run([START_A], ["--strict"])).code, 0);
});

Deno.test("replay --layout names the fields of events and records, and outweighs the configuration", async () => {
  const line = '{"topic":"console_sessions","timestampMs":1000,"value":{"eventId":' +
    '"ApplicationSessionStart","openPsid":"p","hostPcId":"q","appSessionId":5}}';
  const expected = [{ deviceId: "p", appSessionId: 5, sessionStatus: "SessionStart" }];
  const seen = ({ records }: Run) =>
    records.map(({ deviceId, appSessionId, sessionStatus }) => ({
      deviceId,
      appSessionId,
      sessionStatus,
    }));
  assertEquals(seen(await run([line], ["--layout", "rtm-gaming"])), expected);
  const environment = {
    SESSIONWHEEL__INPUT__LAYOUT: "rtm-gaming",
    SESSIONWHEEL__OUTPUT__LAYOUT: "rtm-gaming",
  };
  assertEquals(seen(await run([line], [], new FakeSystem({ environment }))), expected);
  const plain = await run([START_A], ["--layout", "plain"], new FakeSystem({ environment }));
  assertEquals(statuses(plain), ["SessionStart"]);
});

Deno.test("replay takes single field names, and a device field by topic, from the configuration", async () => {
  const files = {
    "c.yaml": "input:\n  topics: [phones, tablets]\n  layout:\n    type: kind\n" +
      "    deviceId: { phones: imei, tablets: serial }\n",
  };
  const event = '{"kind":"start","imei":"i","serial":"s","sessionId":1}';
  const result = await run(
    [
      `{"topic":"tablets","timestampMs":1,"value":${event}}`,
      `{"topic":"phones","timestampMs":1,"value":${event}}`,
      '{"kind":"start","serial":"bare","sessionId":1,"timestamp":1}',
    ],
    ["--config", "c.yaml"],
    new FakeSystem({ files }),
  );
  assertEquals(result.records.map(({ deviceId }) => deviceId), ["s", "i", "bare"]);
});

Deno.test("replay --set changes H, M and G, and writes each heartbeat all the same", async () => {
  const result = await run([START_A], [
    "--drain",
    "--set=session.heartbeatInterval=10s",
    "--set=session.maxDuration=35s",
    "--set=session.missed=coalesce",
  ]);
  assertEquals(statuses(result), [
    "SessionStart",
    "SessionHeartbeat",
    "SessionHeartbeat",
    "SessionHeartbeat",
    "timeout",
  ]);
});

Deno.test("replay --set limits.maxEventBytes bounds a line, and limits.maxSessions the sessions", async () => {
  const long = await run([START_A.padEnd(2000)], ["--set=limits.maxEventBytes=1KiB"]);
  assertStringIncludes(long.error, "line is 2000 bytes, at most 1024");
  const many = await run([START_A, START_A.replace('"a"', '"b"')], ["--set=limits.maxSessions=1"]);
  assertEquals(many.records.length, 1);
  assertMatch(many.error, /\ndropped starts +1 {2}\(limits.maxSessions was reached\)\n/);
});

Deno.test("replay --max-jump rejects a line that is further ahead of the clock", async () => {
  const result = await run([START_A, END_A], ["--max-jump", "44s"]);
  assertEquals(statuses(result), ["SessionStart"]);
  assertStringIncludes(result.error, "timestamp is 45000 ms ahead of the clock, at most 44000");
  assertEquals((await run([START_A, END_A], ["--max-jump", "45s"])).records.length, 3);
});

Deno.test("replay overwrites what is in the output, to its end", async () => {
  const output = await Deno.makeTempFile();
  await Deno.writeTextFile(output, "x".repeat(10_000));
  await run([START_A], ["--output", output]);
  assertMatch(await Deno.readTextFile(output), /^\{"key":"a",.*\}\}\n$/);
  await Deno.remove(output);
});

Deno.test("replay names the file that it cannot read or write, and exits with 74", async () => {
  const system = new FakeSystem();
  assertEquals(await runCli(["replay", "/no/such/file"], system), 74);
  assertMatch(system.error, /^sessionwheel replay: Cannot open \/no\/such\/file: /);
  const directory = new FakeSystem();
  assertEquals(await runCli(["replay", "/", "--output", "/dev/null"], directory), 74);
  assertMatch(directory.error, /^sessionwheel replay: Cannot read \/: /);
  const output = await run([START_A], ["--output", "$/no/out.jsonl"]);
  assertEquals(output.code, 74);
  assertStringIncludes(output.error, "Cannot open $/no/out.jsonl: ");
  const dlq = await run([START_A], ["--dlq", "$/no/dlq.jsonl"]);
  assertEquals(dlq.code, 74);
  assertStringIncludes(dlq.error, "Cannot open $/no/dlq.jsonl: ");
});

Deno.test({
  name: "replay on a full disk says so and exits with 74",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const output = await run([START_A], ["--output", "/dev/full"]);
    assertEquals(output.code, 74);
    assertStringIncludes(output.error, "Cannot write to /dev/full: ");
    const dlq = await run([START_A, GARBAGE], ["--dlq", "/dev/full"]);
    assertEquals([dlq.code, dlq.records.length], [74, 1]);
    assertStringIncludes(dlq.error, "Cannot write to /dev/full: ");
  },
});

Deno.test("replay refuses to write to the file that it reads, or twice to one, and empties none", async () => {
  const directory = await Deno.makeTempDir();
  const [file, link] = [`${directory}/e.jsonl`, `${directory}/link`];
  await Deno.writeTextFile(file, START_A);
  await Deno.symlink(file, link);
  for (const flags of [["--output", link], ["--output", `${directory}/o`, "--dlq", file]]) {
    const system = new FakeSystem();
    assertEquals(await runCli(["replay", file, ...flags], system), 64);
    assertStringIncludes(system.error, "is the file that is read (name another)");
  }
  assertEquals(await Deno.readTextFile(file), START_A);
  const system = new FakeSystem();
  const both = `${directory}/both`;
  await Deno.writeTextFile(both, "");
  await Deno.symlink(both, `${both}-again`);
  const flags = ["--output", both, "--dlq", `${both}-again`];
  assertEquals(await runCli(["replay", file, ...flags], system), 64);
  assertStringIncludes(system.error, "--output and --dlq are one file");
  assertEquals(await runCli(["replay", file, "--dlq", "-"], system), 64);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("replay tells a command line that makes no sense with 64, a configuration with 78", async () => {
  const code = (...args: string[]) => runCli(["replay", ...args], new FakeSystem());
  assertEquals(await code(), 64);
  assertEquals(await code("a", "b"), 64);
  assertEquals(await code("a", "--until", "tomorrow"), 64);
  assertEquals(await code("a", "--partitions", "0"), 64);
  assertEquals(await code("a", "--layout", "other"), 64);
  assertEquals(await code("a", "--max-jump", "5"), 64);
  assertEquals(await code("a", "--set", "session.grace=never"), 78);
});

Deno.test("replay draws a progress bar on a terminal only, and takes it away again", async () => {
  const terminal = Object.assign(new FakeSystem(), { errorIsTerminal: true });
  const { error } = await run([START_A, GARBAGE, END_A], [], terminal);
  const shown = error.replaceAll("\r\x1b[K", "<clear>");
  assertMatch(shown, /^<clear>\[#+-*\] +\d+% {2}[\d,]+ lines {2}[\d,]+ events\/s {2}2025-11-01T/);
  assertMatch(shown, /Z<clear>\{"line":1,.*\}\nlines +3\n/);
  assertEquals((await run([START_A])).error.includes("\x1b"), false);
});

function spawnReplay(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-lock", "-A", "main.ts", "replay", ...args],
    cwd: fromFileUrl(REPOSITORY),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function feed(child: Deno.ChildProcess, text: string): Promise<void> {
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  writer.releaseLock();
}

Deno.test("replay reads standard input and writes standard output where it is asked to", async () => {
  const child = spawnReplay("-");
  await feed(child, `${START_A}\n${END_A}`);
  await child.stdin.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assertEquals(new TextDecoder().decode(stdout).split("\n").length, 4);
  assertMatch(new TextDecoder().decode(stderr), /^lines +2\n/);
});

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`replay that waits for a pipe ends cleanly on ${signal}`, async () => {
    const child = spawnReplay("-", "--drain");
    const stderr = new Response(child.stderr).text();
    await feed(child, `${START_A}\n`);
    const reader = child.stdout.getReader();
    const first = await reader.read();
    assertStringIncludes(new TextDecoder().decode(first.value), "SessionStart");
    child.kill(signal);
    const { code } = await child.status;
    assertEquals((await reader.read()).done, true);
    assertEquals(code, exitCode);
    assertMatch(await stderr, /^lines +1 {2}\(interrupted there\)\n/);
    await child.stdin.close().catch(() => {});
  });
}

Deno.test("replay ends quietly when the reader of its output went away", async () => {
  const child = spawnReplay("-", "--drain", "--set=session.heartbeatInterval=1s");
  const stderr = new Response(child.stderr).text();
  await feed(child, `${START_A}\n`);
  await child.stdin.close();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals((await child.status).code, 0);
  assertEquals(await stderr, "");
});

Deno.test("The example of the documentation gives the output that stands there", async () => {
  const path = fromFileUrl(new URL("docs", REPOSITORY));
  const directory = await Deno.makeTempDir();
  const system = new FakeSystem();
  const code = await runCli([
    "replay",
    `${path}/example-events.jsonl`,
    "--until=2025-11-01T00:08:30Z",
    `--output=${directory}/out`,
    `--dlq=${directory}/dlq`,
  ], system);
  assertEquals(code, 0);
  const records = (await Deno.readTextFile(`${directory}/out`)).split("\n").slice(0, -1);
  const deadLetters = await Deno.readTextFile(`${directory}/dlq`);
  await Deno.remove(directory, { recursive: true });
  const table = records.map((text) => {
    const { value } = JSON.parse(text);
    const { deviceId, sessionId, status, reason, seq, at } = value;
    return [deviceId, sessionId, status, reason ?? "-", seq, at].join("  ");
  });
  const document = await Deno.readTextFile(`${path}/replay.md`);
  const blocks = [...document.matchAll(/```\w*\n([^]*?)```/g)].map(([, block]) => block!);
  const holds = (text: string, what: string) =>
    assert(
      blocks.some((block) => block.includes(text)),
      `docs/replay.md has not the ${what}:\n${text}`,
    );
  holds(`${table.join("\n")}\n`, "records");
  holds(`${records[0]}\n`, "first record");
  holds(deadLetters, "rejected lines");
  holds(system.error.replace(/took.*\n/, ""), "summary");
  holds(await Deno.readTextFile(`${path}/example-events.jsonl`), "events");
});
