import { assertEquals, assertMatch } from "@std/assert";
import { runCli } from "../../lib/cli/cli.ts";
import { FakeSystem } from "./fake_system.ts";

/** Serves `answer` on a free port of loopback while `use` runs. */
async function withServer(
  answer: (request: Request) => Response | Promise<Response>,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  try {
    await use(server.addr.port);
  } finally {
    await server.shutdown();
  }
}

Deno.test("health asks for readiness and prints the answer", async () => {
  const asked: string[] = [];
  await withServer((request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    return new Response("ready\n");
  }, async (port) => {
    const system = new FakeSystem();
    const args = ["health", "--set", `http.address=127.0.0.1:${port}`];
    assertEquals(await runCli(args, system), 0);
    assertEquals([system.out, system.error], ["ready\n", ""]);
    assertEquals(await runCli([...args, "--live"], system), 0);
  });
  assertEquals(asked, ["GET /readyz", "GET /livez"]);
});

Deno.test("health ends with 69 when the process is not ready", async () => {
  await withServer(() => new Response("restoring shard 3", { status: 503 }), async (port) => {
    const system = new FakeSystem();
    const args = ["health", "--set", `http.address=127.0.0.1:${port}`];
    assertEquals(await runCli(args, system), 69);
    assertEquals(system.out, "restoring shard 3\n");
  });
});

Deno.test("health prints the status when the answer is empty", async () => {
  await withServer(() => new Response(null, { status: 204 }), async (port) => {
    const system = new FakeSystem();
    const args = ["health", "--set", `http.address=127.0.0.1:${port}`];
    assertEquals(await runCli(args, system), 69);
    assertEquals(system.out, "status 204\n");
  });
});

Deno.test("health asks this machine's own address of who listens on all of them", async () => {
  await withServer(() => new Response("ready"), async (port) => {
    const system = new FakeSystem();
    const set = [
      "--set",
      `http.address=0.0.0.0:${port}`,
      "--set",
      "http.tokenFile=/nobody-may-read",
    ];
    assertEquals(await runCli(["health", ...set], system), 0);
    assertEquals([system.out, system.error], ["ready\n", ""]);
  });
});

Deno.test("health ends with 69 when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const system = new FakeSystem();
  assertEquals(await runCli(["health", "--set", `http.address=127.0.0.1:${port}`], system), 69);
  assertMatch(
    system.error,
    new RegExp(
      `^sessionwheel health: no answer from http://127.0.0.1:${port}/readyz: .*ECONNREFUSED.*\\n$`,
    ),
  );
});

Deno.test("health ends with 69 when the answer does not come in time", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  await withServer(() => promise, async (port) => {
    const system = new FakeSystem();
    const args = ["health", "--timeout", "100ms", "--set", `http.address=127.0.0.1:${port}`];
    assertEquals(await runCli(args, system), 69);
    assertEquals(
      system.error,
      `sessionwheel health: no answer from http://127.0.0.1:${port}/readyz: none within 100 ms\n`,
    );
    resolve(new Response("too late"));
  });
});

Deno.test("health does not read an answer without end", async () => {
  const chunk = new TextEncoder().encode("x".repeat(16_384));
  const body = () => new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
  await withServer(() => new Response(body()), async (port) => {
    const system = new FakeSystem();
    assertEquals(await runCli(["health", "--set", `http.address=127.0.0.1:${port}`], system), 69);
    assertMatch(system.error, /: the answer is too long\n$/);
  });
});
