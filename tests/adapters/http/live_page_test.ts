import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { LIVE_PAGE_SCRIPT } from "../../../lib/adapters/http/live_page_script.ts";
import { appUnderTest } from "./app_under_test.ts";

async function page(): Promise<{ html: string; policy: string }> {
  const { app } = appUnderTest();
  const answer = await app.request("/");
  assertEquals(answer.status, 200);
  assertMatch(answer.headers.get("content-type")!, /^text\/html; charset=utf-8$/i);
  return {
    html: await answer.text(),
    policy: answer.headers.get("content-security-policy")!,
  };
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

Deno.test("The live page's policy allows exactly the style and the script it holds", async () => {
  const { html, policy } = await page();
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!;
  const script = /<script>([\s\S]*?)<\/script>/.exec(html)![1]!;
  const directives = new Map(
    policy.split("; ").map((text) => [text.split(" ")[0]!, text.split(" ").slice(1).join(" ")]),
  );
  assertEquals(directives.get("default-src"), "'none'");
  assertEquals(directives.get("style-src"), hashOf(style));
  assertEquals(directives.get("script-src"), hashOf(script));
  assertEquals(directives.get("frame-ancestors"), "'none'");
});

Deno.test("The live page loads nothing from elsewhere and has no inline handlers or styles", async () => {
  const { html } = await page();
  const withoutIcon = html.replace(/href="data:image\/svg\+xml,[^"]*"/, "");
  assertFalse(/https?:|\/\/[a-z]/i.test(withoutIcon));
  assertFalse(/ (style|on[a-z]+)=/.test(withoutIcon));
});

Deno.test("The live page's script fills only elements that the page has", async () => {
  const { html } = await page();
  const used = [...LIVE_PAGE_SCRIPT.matchAll(/(?:byId|show)\("([a-z0-9]+)"/g)].map((m) => m[1]!);
  assert(used.length > 10);
  for (const id of used) assertStringIncludes(html, ` id="${id}"`);
  assertFalse(LIVE_PAGE_SCRIPT.includes("innerHTML"));
});

Deno.test("The live page's script is a script", () => {
  new Function(LIVE_PAGE_SCRIPT);
});

Deno.test("The live page calls nothing running for which /readyz fails", async () => {
  const { app, engine, clock } = appUnderTest();
  // Its last statement begins to poll, which needs a page.
  const functions = LIVE_PAGE_SCRIPT.replace(/poll\(\);\s*$/, "");
  const stateOf = new Function(`${functions}; return stateOf;`)();
  const states: [number, string][] = [];
  const look = async () => {
    clock.advance(10_000);
    const stats = await (await app.request("/v1/stats")).json();
    states.push([(await app.request("/readyz")).status, stateOf(stats).join(" ")]);
  };
  await look();
  engine.metrics.clockAheadMs = 10_000;
  await look();
  engine.metrics.clockJumpAlarm = true;
  await look();
  assertEquals(states, [
    [200, "good running"],
    [503, "bad time is ahead, by 10 s"],
    [503, "bad clock jumped"],
  ]);
});
