import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import plugin from "../../tools/lint/plugin.ts";
import { REPOSITORY } from "../../tools/repository.ts";
import { filesBelow, readText } from "./tree.ts";

/** Unlike `deno lint`, this does not heed `deno-lint-ignore`. */
function lint(path: string, source: string): string[] {
  const diagnostics = Deno.lint.runPlugin(plugin, new URL(path, REPOSITORY).href, source);
  return diagnostics.map((found) => found.message);
}

Deno.test("The import rules hold in the whole tree", async () => {
  const files = ["main.ts", ...await filesBelow("lib")].filter((path) => path.endsWith(".ts"));
  assertGreater(files.length, 10);
  const broken: string[] = [];
  for (const path of files) {
    for (const message of lint(path, await readText(path))) broken.push(`${path}: ${message}`);
  }
  assertEquals(broken, []);
});

/** File, source, and a part of the one complaint. */
const VIOLATIONS: readonly (readonly [file: string, source: string, complaint: string])[] = [
  ["lib/core/x.ts", `import { a } from "../ports/clock.ts";`, "core may not import ports"],
  ["lib/core/x.ts", `import type { A } from "../ports/clock.ts";`, "core may not import ports"],
  ["lib/core/x.ts", `import { deflate } from "node:zlib";`, `core may not use "node:"`],
  ["lib/core/x.ts", `import { parse } from "yaml";`, `core may not use "yaml"`],
  ["lib/core/x.ts", `export * from "../engine/turn.ts";`, "core may not import engine"],
  ["lib/core/x.ts", `export { a } from "../engine/turn.ts";`, "core may not import engine"],
  ["lib/core/x.ts", `type A = import("../engine/turn.ts").A;`, "core may not import engine"],
  ["lib/core/x.ts", `import { VERSION } from "../version.ts";`, "core may not import version"],
  ["lib/ports/x.ts", `import { a } from "../core/a.ts";`, "only types of core"],
  ["lib/ports/x.ts", `import { type A, b } from "../core/a.ts";`, "only types of core"],
  ["lib/ports/x.ts", `export { a } from "../core/a.ts";`, "only types of core"],
  ["lib/engine/x.ts", `import "../adapters/kv/store.ts";`, "engine may not import adapters/kv"],
  ["lib/engine/x.ts", `import { Kafka } from "kafkajs";`, `engine may not use "kafkajs"`],
  ["lib/engine/x.ts", `import { a } from "../config/config.ts";`, "engine may not import config"],
  ["lib/telemetry/x.ts", `import { a } from "../engine/a.ts";`, "telemetry may not import engine"],
  ["lib/adapters/kv/x.ts", `import { a } from "../../engine/a.ts";`, "may not import engine"],
  ["lib/adapters/kv/x.ts", `import { a } from "../file/a.ts";`, "may not import adapters/file"],
  ["lib/adapters/kv/x.ts", `import { Hono } from "hono";`, `adapters/kv may not use "hono"`],
  ["lib/adapters/kafka/x.ts", `import { stream } from "hono/streaming";`, `may not use "hono"`],
  ["lib/adapters/http/x.ts", `import q from "kafkajs/src/a.js";`, `may not use "kafkajs"`],
  ["lib/adapters/s3/x.ts", `import { a } from "../../core/a.ts";`, "is no layer"],
  ["lib/common/x.ts", `import { a } from "../core/a.ts";`, "is no layer"],
  ["lib/cli/x.ts", `import { delay } from "@std/async";`, `cli may not use "@std/async"`],
  ["lib/cli/x.ts", `import { a } from "../../tools/child.ts";`, "leaves the program"],
  ["lib/cli/x.ts", `const m = await import("../../tests/a.ts");`, "leaves the program"],
  ["lib/cli/x.ts", `const m = await import(name);`, "computed import"],
  ["lib/adapters/kafka/x.ts", `import k from "npm:kafkajs@2.2.4";`, "goes past deno.json"],
  ["main.ts", `import { a } from "./lib/engine/a.ts";`, "main may not import engine"],

  ["lib/core/x.ts", `const at = Date.now();`, "core must not use Date"],
  ["lib/core/x.ts", `const at = new Date();`, "core must not use Date"],
  ["lib/core/x.ts", `const clock = { Date };`, "core must not use Date"],
  ["lib/core/x.ts", `const clock = { [Date]: 1 };`, "core must not use Date"],
  ["lib/core/x.ts", `const at = globalThis.Date.now();`, "core must not use globalThis"],
  ["lib/core/x.ts", `const at = performance.now();`, "core must not use performance"],
  ["lib/core/x.ts", `const n = Math.random();`, "core must not use Math.random"],
  ["lib/core/x.ts", `const n = Math["random"]();`, "a computed member of Math"],
  ["lib/core/x.ts", `setTimeout(run, 5);`, "core must not use setTimeout"],
  ["lib/core/x.ts", `const x = Deno.env.get("A");`, "core must not use Deno"],
  ["lib/core/x.ts", `export async function a() {}`, "core must not use async functions"],
  ["lib/core/x.ts", `const a = { async b() {} };`, "core must not use async functions"],
  ["lib/core/x.ts", `const a = async () => {};`, "core must not use async functions"],
  ["lib/core/x.ts", `await a;`, "core must not use await"],
  ["lib/core/x.ts", `for await (const a of b) a();`, "core must not use for await"],
  ["lib/core/x.ts", `function a(): Promise<void> { return b; }`, "core must not use Promise"],
  ["lib/engine/x.ts", `const at = Date.now();`, "engine must not use Date"],
  ["lib/engine/x.ts", `setInterval(turn, 2);`, "engine must not use setInterval"],
  ["lib/ports/x.ts", `export const start = performance.now();`, "must not use performance"],
  [
    "lib/core/x.ts",
    `// deno-lint-ignore sessionwheel/pure\nconst at = Date.now();`,
    "core must not use Date",
  ],
];

for (const [file, source, complaint] of VIOLATIONS) {
  Deno.test(`The import rules refuse ${source.replaceAll("\n", " ")} in ${file}`, () => {
    const messages = lint(file, source);
    assertEquals(messages.length, 1, messages.join("\n"));
    assertStringIncludes(messages[0]!, complaint);
  });
}

const ALLOWED: readonly (readonly [file: string, source: string])[] = [
  ["lib/core/x.ts", `import { a } from "./a.ts"; export * from "./wheel/b.ts";`],
  ["lib/core/x.ts", `const a = { Date: 1, fetch() {} }; a.Date; Math.max(a.Date, 2);`],
  ["lib/core/x.ts", `interface A { performance: number; setTimeout(): void }`],
  [
    "lib/ports/x.ts",
    `import type { A } from "../core/a.ts"; export type { B } from "../core/b.ts";`,
  ],
  ["lib/ports/x.ts", `import { type A } from "../core/a.ts"; type F = () => Promise<A>;`],
  ["lib/engine/x.ts", `import { a } from "../core/a.ts"; export async function b() { await a(); }`],
  ["lib/adapters/kafka/x.ts", `import q from "kafkajs/src/a.js"; import net from "node:net";`],
  ["lib/adapters/system/x.ts", `export const nowMs = () => Date.now();`],
  ["lib/workers/engine_worker.ts", `import { a } from "../adapters/kv/store.ts";`],
  ["lib/cli/x.ts", `const { a } = await import("../demo/a.ts");`],
  ["main.ts", `import { runCli } from "./lib/cli/cli.ts";`],
  ["tests/x_test.ts", `import { assert } from "@std/assert"; Date.now();`],
];

for (const [file, source] of ALLOWED) {
  Deno.test(`The import rules allow ${source} in ${file}`, () => {
    assertEquals(lint(file, source), []);
  });
}
