import { assert, assertEquals, assertRejects } from "@std/assert";
import { denoSystem } from "../../lib/cli/deno_system.ts";

Deno.test("denoSystem() reads a file whole, with its permission bits", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "x".repeat(200_000));
    await Deno.chmod(path, 0o600);
    const { bytes, mode } = await denoSystem().files.read(path, 1_000_000);
    assertEquals(bytes.length, 200_000);
    assert(bytes.every((byte) => byte === 0x78));
    assertEquals(mode! & 0o777, 0o600);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("denoSystem() reads one byte beyond the limit and no more, of an endless file too", async () => {
  const { bytes } = await denoSystem().files.read("/dev/zero", 100_000);
  assertEquals(bytes.length, 100_001);
});

Deno.test("denoSystem() tells a missing file and a folder by the error's name", async () => {
  const { files } = denoSystem();
  await assertRejects(() => files.read("/no/such/file", 1), Deno.errors.NotFound);
  const error = await assertRejects(() => files.read("/", 1));
  assert(error.name === "IsADirectory" || /is a directory/i.test(error.message), error.message);
});

Deno.test("a command whose output nobody reads ends quietly with 0", async () => {
  const program = `
    import { runCli } from ${JSON.stringify(import.meta.resolve("../../lib/cli/cli.ts"))};
    await Deno.stdin.read(new Uint8Array(1));
    Deno.exit(await runCli(["help", "config"]));
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", program],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  await child.stdin.close();
  const [{ code }, error] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assertEquals([code, error], [0, ""]);
});
