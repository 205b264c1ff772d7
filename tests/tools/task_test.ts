import { assertEquals, assertStringIncludes } from "@std/assert";
import { runChild } from "../../tools/child.ts";
import { fromFileUrl, REPOSITORY } from "../../tools/repository.ts";
import { readText } from "../architecture/tree.ts";

async function runTask(args: readonly string[]): Promise<{ code: number; errors: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tools/task.ts", ...args],
    cwd: fromFileUrl(REPOSITORY),
    stdin: "null",
  }).output();
  return { code, errors: new TextDecoder().decode(stderr) };
}

Deno.test("The launcher refuses an unknown task and names the known ones", async () => {
  const { code, errors } = await runTask(["nonsense"]);
  assertEquals(code, 64);
  assertStringIncludes(errors, "sessionwheel");
});

Deno.test("Every task of deno.json is known to the launcher", async () => {
  const { tasks } = JSON.parse(await readText("deno.json"));
  const { errors } = await runTask([]);
  const known = errors.slice(errors.indexOf("there are: ") + "there are: ".length).trim();
  assertEquals(known.split(", ").sort(), Object.keys(tasks).sort());
  for (const [name, { command }] of Object.entries<{ command: string }>(tasks)) {
    assertEquals(command, `deno run -A tools/task.ts ${name}`);
  }
});

Deno.test("runChild() returns the exit code of the child", async () => {
  assertEquals(await runChild(["eval", "Deno.exit(42)"]), 42);
});

Deno.test("runChild() returns 128 + n for a child ended by signal n", async () => {
  const code = await runChild(["eval", "Deno.kill(Deno.pid, 'SIGKILL')"]);
  assertEquals(code, 137);
});

Deno.test("runChild() passes SIGTERM on and ends after the child", async () => {
  const child = `
    Deno.addSignalListener("SIGTERM", () => Deno.exit(7));
    await Deno.stdout.write(new TextEncoder().encode("listening"));
    setInterval(() => {}, 1000);
  `;
  const launcher = `
    const { runChild } = await import(${JSON.stringify(new URL("tools/child.ts", REPOSITORY))});
    Deno.exit(await runChild(["eval", ${JSON.stringify(child)}]));
  `;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["eval", launcher],
    cwd: fromFileUrl(REPOSITORY),
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  const { value } = await reader.read();
  assertEquals(new TextDecoder().decode(value), "listening");
  process.kill("SIGTERM");
  assertEquals((await process.status).code, 7);
  await reader.cancel();
});
