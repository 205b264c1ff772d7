/** What documents show as output is what the program writes. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { renderBanner, renderLive, renderSummary } from "../../lib/cli/demo_display.ts";
import { statsJson } from "../../lib/adapters/http/stats_json.ts";
import { REPLAY_COMMAND } from "../../lib/cli/replay_command.ts";
import { ByteWriter } from "../../lib/core/byte_writer.ts";
import {
  readPosition,
  writeEarlyEnd,
  writeInputPositions,
  writePositionHead,
} from "../../lib/core/position.ts";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import { StatusWindow } from "../../lib/telemetry/status_window.ts";
import { load } from "../config/load.ts";
import { FakeSystem } from "../cli/fake_system.ts";
import { codeBlocks, document, documents, section } from "./documents.ts";

const readme = await document("README.md");
const consoles = codeBlocks(readme).filter(({ language }) => language === "console")
  .map(({ text }) => text);

/** The lines that the shell answered to a command that begins so. */
function answersTo(command: string): string[] {
  for (const text of consoles) {
    const lines = text.split("\n");
    for (let i = 0; i < lines.length; i++) {
      if (!lines[i]!.startsWith(`$ ${command}`)) continue;
      // A command goes on in lines that are set in.
      let from = i + 1;
      while (lines[from]!.startsWith("    ")) from++;
      const end = lines.findIndex((line, at) =>
        at >= from && (line === "" || line.startsWith("$"))
      );
      return lines.slice(from, end);
    }
  }
  throw new Error(`README has no example of ${command}`);
}

async function replayed(lines: readonly string[]): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/events.jsonl`, lines.join("\n") + "\n");
    const args = [`${folder}/events.jsonl`, "--output", `${folder}/records.jsonl`];
    assertEquals(await REPLAY_COMMAND.run(args, new FakeSystem()), 0);
    const records = await Deno.readTextFile(`${folder}/records.jsonl`);
    return records.trimEnd().split("\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("README shows what replay makes of its example", async () => {
  const events = answersTo("cat events.jsonl");
  assertGreater(events.length, 1);
  const records = answersTo("dist/sessionwheel replay events.jsonl");
  assertEquals(records, await replayed(events));
});

Deno.test("README shows the records that its Kafka example makes", async () => {
  const start = JSON.parse(answersTo("kcat -C -b 127.0.0.1:9092 -t sessions -e -q")[0]!);
  const end = JSON.parse(
    answersTo("kcat -C -b 127.0.0.1:9092 -t sessions -e -q | tail")[0]!,
  );
  const sent = consoles.flatMap((text) =>
    Array.from(text.matchAll(/^\$ echo '(.+)' \|$/gm), ([, event = ""]) => event)
  );
  const times: string[] = [start.sourceTimestamp, end.sourceTimestamp];
  const lines = sent.map((event, i) => `{"timestampMs":${Date.parse(times[i]!)},"value":${event}}`);
  const records = (await replayed(lines)).map((line) => JSON.parse(line).value);
  assertEquals(records.length, 3);
  // When a record was made is the one thing that a replay cannot know.
  assertEquals({ ...records[0], emittedAt: start.emittedAt }, start);
  assertEquals({ ...records[2], emittedAt: end.emittedAt }, end);
  assertEquals(Object.keys(start), Object.keys(records[0]));
});

Deno.test("README's table of records has every field in its order", () => {
  const rows = section(readme, "## Records").matchAll(/^\| `(\w+)` +\|/gm);
  const start = JSON.parse(answersTo("kcat -C -b 127.0.0.1:9092 -t sessions -e -q")[0]!);
  assertEquals(Array.from(rows, ([, field]) => field), Object.keys(start));
});

Deno.test("README shows the demo as it prints: banner, lines and summary", () => {
  const shown = codeBlocks(readme).find(({ text }) => text.startsWith("sessionwheel "))!.text;
  const banner = renderBanner({
    url: "http://127.0.0.1:8484",
    devices: 10_000,
    speed: 1,
    heartbeatIntervalMs: 30_000,
    exampleEvent: '{"type":"start","deviceId":"my-device","sessionId":1}',
    exampleDevice: "my-device",
    hasToken: false,
    isTerminal: false,
  }).trim();
  assertEquals(shown.slice(0, banner.length), banner);
  const [lines = "", summary = ""] = shown.slice(banner.length).trim().split("\n\n");
  const status = new EngineMetrics().snapshot({ monotonicMs: 0, wallMs: 0 });
  const window = new StatusWindow();
  for (const line of lines.split("\n")) {
    assertEquals(wordsOf(line), wordsOf(renderLive(status, window, 1000)));
  }
  const rendered = renderSummary(status, {
    elapsedMs: 41_000,
    process: { residentMemoryBytes: 1e6, heapUsedBytes: 1e6, cpuSeconds: 1, startedAtMs: 0 },
    cpuSecondsBefore: 0,
  });
  assertEquals(wordsOf(summary), wordsOf(rendered));
});

/** What is left without numbers, their units and what stands for a number that is not known. */
function wordsOf(text: string): string[] {
  return text.replaceAll(/[\d.,:;()–]+(?: (?:ms|s)\b)?/g, " ").trim().split(/\s+/);
}

Deno.test("README's curl examples are those of the banner and have its fields", () => {
  const [answer] = answersTo("curl http://127.0.0.1:8484/v1/events");
  assertEquals(JSON.parse(answer!), {
    accepted: 1,
    ignored: 0,
    rejectedCount: 0,
    rejected: [],
  });
  const device = JSON.parse(answersTo("curl http://127.0.0.1:8484/v1/devices/my-device")[0]!);
  const http = section({ path: "README.md", text: readme.text }, "## Try it");
  assert(http.includes(device.deviceId));
  assertEquals(Date.parse(device.nextAt) - Date.parse(device.startedAt), 30_000);
});

Deno.test("docs/http.md shows an answer of /v1/stats with every member that it has", async () => {
  const shown = codeBlocks(await document("docs/http.md")).map(({ text }) => text)
    .find((text) => text.includes('"totals"'))!;
  const metrics = new EngineMetrics();
  metrics.openInputs([{ topic: "events", partition: 0 }]);
  metrics.openShards(1);
  const window = new StatusWindow();
  for (const monotonicMs of [0, 1000]) window.add(metrics.snapshot({ monotonicMs, wallMs: 0 }));
  const stats = statsJson(metrics.snapshot({ monotonicMs: 1000, wallMs: 0 }), window, {
    build: { version: "", commit: "", deno: "", v8: "" },
    uptimeMs: 1000,
  });
  assertEquals(membersOf(JSON.parse(shown)), membersOf(JSON.parse(JSON.stringify(stats))));
});

/** The names of all members, in their order, each with those that it stands in. */
function membersOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => membersOf(member, `${path}.${name}`));
}

Deno.test("docs/architecture.md shows a position that reads as it says", async () => {
  const architecture = await document("docs/architecture.md");
  const hex = codeBlocks(architecture).map(({ text }) => text)
    .find((text) => /^02 0a706c61696e/.test(text))!;
  const bytes = Uint8Array.from(
    hex.replaceAll(/\s/g, "").match(/../g)!,
    (pair) => parseInt(pair, 16),
  );
  const position = readPosition(bytes);
  const { earlyEnds: [earlyEnd], inputs } = position;
  const decoder = new TextDecoder();
  assertEquals(
    [
      position.layout,
      position.producerId,
      position.epoch,
      position.batchNumber,
      position.shards,
      position.heartbeatIntervalMs,
      position.maxDurationMs,
      position.graceMs,
      position.restoreOffset,
      position.activeSessions,
      position.endClocksMs.length,
      position.earlyEnds.length,
    ],
    ["plain", 18, 0, 1, 1, 30_000, 1_800_000, 30_000, 1, 1, 0, 1],
  );
  assertEquals(decoder.decode(earlyEnd!.deviceId), "pad-2");
  assertEquals(decoder.decode(earlyEnd!.sessionId), "7");
  assert(earlyEnd!.sessionIdIsInteger);
  assertEquals(inputs, [{ topic: "e1", partition: 0, offset: 2 }]);
  // And what is written today are the same bytes.
  const writer = new ByteWriter(64);
  writePositionHead(writer, { ...position, earlyEndCount: 1 });
  writeEarlyEnd(writer, earlyEnd!);
  writeInputPositions(writer, inputs);
  assertEquals(writer.view().slice(), bytes);
});

Deno.test("Every whole configuration in a document is one that can be used", async () => {
  let count = 0;
  for (const doc of await documents()) {
    for (const { language, text } of codeBlocks(doc)) {
      if (language !== "yaml" || !/^(app|kafka|input|output|session):/m.test(text)) continue;
      count++;
      await load({ yaml: text });
    }
  }
  assertGreater(count, 1);
});
