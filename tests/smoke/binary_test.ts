/**
 * The compiled binary from an empty folder, as a user would start it first. Everything else is
 * tested from source; this finds what compiling leaves out: workers, assets, permissions.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { COMMIT_FILE } from "../../tools/program.ts";
import { freePort, runBinary, withRunningBinary } from "./binary.ts";

async function inEmptyFolder(use: (cwd: string) => Promise<void>): Promise<void> {
  const cwd = await Deno.makeTempDir({ prefix: "sessionwheel-smoke-" });
  try {
    await use(cwd);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

/** As compiling left it beside the binary; `unknown` without git. */
async function compiledCommit(): Promise<string> {
  const commit = (await Deno.readTextFile(new URL(`../../${COMMIT_FILE}`, import.meta.url))).trim();
  assertMatch(commit, /^([0-9a-f]{12}(-changed)?|unknown)$/);
  return commit;
}

Deno.test("The binary says its version, and of which commit it is", () =>
  inEmptyFolder(async (cwd) => {
    const { code, stdout } = await runBinary(["version"], { cwd });
    assertEquals(code, 0);
    assertStringIncludes(stdout, VERSION);
    const commit = await compiledCommit();
    if (commit === "unknown") assert(!stdout.includes("commit"));
    else assertStringIncludes(stdout, `commit ${commit}`);
  }));

Deno.test({
  name: "The binary runs where the folder for temporary files is in memory",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inEmptyFolder(async (cwd) => {
      const { code, stdout } = await runBinary(["version"], { cwd, env: { TMPDIR: "/dev/shm" } });
      assertEquals(code, 0);
      assertStringIncludes(stdout, VERSION);
    }),
});

Deno.test("The binary refuses an unknown command", () =>
  inEmptyFolder(async (cwd) => {
    const { code, stderr } = await runBinary(["nonsense"], { cwd });
    assertNotEquals(code, 0);
    assertStringIncludes(stderr, "nonsense");
  }));

Deno.test("The binary without any setting says what to set and points to the demo", () =>
  inEmptyFolder(async (cwd) => {
    const { code, stderr } = await runBinary(["run"], { cwd });
    assertNotEquals(code, 0);
    assertStringIncludes(stderr, "kafka.brokers");
    assertStringIncludes(stderr, "demo");
  }));

Deno.test("The binary replays a file from stdin to stdout", () =>
  inEmptyFolder(async (cwd) => {
    const events = [
      { type: "start", deviceId: "a", sessionId: 1, timestamp: "2025-11-01T00:00:00.000Z" },
      { type: "end", deviceId: "a", sessionId: 1, timestamp: "2025-11-01T00:01:10.000Z" },
    ];
    const stdin = events.map((event) => `${JSON.stringify(event)}\n`).join("");
    const { code, stdout, stderr } = await runBinary(["replay", "-", "--output", "-"], {
      cwd,
      stdin,
    });
    assertEquals(code, 0, stderr);
    const statuses = stdout.trim().split("\n").map((line) => JSON.parse(line).value.status);
    assertEquals(statuses, [
      "SessionStart",
      "SessionHeartbeat",
      "SessionHeartbeat",
      "SessionEnd",
    ]);
  }));

Deno.test("The binary runs the demo, shows its page and metrics, and ends on SIGTERM", () =>
  inEmptyFolder(async (cwd) => {
    const address = `127.0.0.1:${freePort()}`;
    const outcome = await withRunningBinary(
      ["demo", "--set", `http.address=${address}`],
      { cwd, readyUrl: `http://${address}/livez` },
      async () => {
        const page = await fetch(`http://${address}/`);
        assertStringIncludes(page.headers.get("content-type") ?? "", "text/html");
        assertStringIncludes(await page.text(), "<html");
        const metrics = await fetch(`http://${address}/metrics`);
        assertStringIncludes(await metrics.text(), "# TYPE");
      },
    );
    assertEquals(outcome.code, 0, outcome.stderr);
  }));

Deno.test("The binary waits for brokers that are away, is alive, and ends on SIGTERM", () =>
  inEmptyFolder(async (cwd) => {
    const address = `127.0.0.1:${freePort()}`;
    const outcome = await withRunningBinary(["run"], {
      cwd,
      readyUrl: `http://${address}/livez`,
      env: {
        SESSIONWHEEL__KAFKA__BROKERS: `127.0.0.1:${freePort()}`,
        SESSIONWHEEL__HTTP__ADDRESS: address,
      },
    }, async () => {
      const ready = await fetch(`http://${address}/readyz`);
      await ready.body?.cancel();
      assert(ready.status !== 200, "it must not say that it is ready");
    });
    assertEquals(outcome.code, 0, outcome.stderr);
  }));
