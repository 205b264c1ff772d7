import { createHash } from "node:crypto";
import { LIVE_PAGE_SCRIPT } from "./live_page_script.ts";
import { LIVE_PAGE_STYLE } from "./live_page_style.ts";

export interface LivePage {
  readonly html: string;
  /** Lets exactly this page's style and script run, and nothing else load. */
  readonly contentSecurityPolicy: string;
}

/** The page at `/`: one file, nothing from elsewhere; it asks `/v1/stats` once a second. */
export function livePage(): LivePage {
  return {
    html: HTML,
    contentSecurityPolicy: [
      "default-src 'none'",
      `style-src '${hashOf(LIVE_PAGE_STYLE)}'`,
      `script-src '${hashOf(LIVE_PAGE_SCRIPT)}'`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  };
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text, "utf8").digest("base64")}`;
}

/** A wheel with a hub, in the accent colour. */
const ICON = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#2f7fd8" ' +
    'stroke-width="3"><circle cx="16" cy="16" r="12"/><circle cx="16" cy="16" r="3"/>' +
    '<path d="M16 4v9M16 19v9M4 16h9M19 16h9"/></svg>',
);

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>sessionwheel</title>
<link rel="icon" href="${ICON}">
<style>${LIVE_PAGE_STYLE}</style>
</head>
<body>
<header>
  <h1>sessionwheel</h1>
  <p id="state" class="pill" role="status">connecting</p>
</header>
<main>
  <section class="hero" aria-label="Active sessions">
    <p class="label">active sessions</p>
    <p class="huge" id="active">–</p>
    <p class="note" id="remembered"></p>
  </section>
  <section class="chart" aria-label="Records per second over the last two minutes">
    <p class="label">records out / s <span id="records" class="inline">–</span></p>
    <svg id="spark" viewBox="0 0 600 120" preserveAspectRatio="none" aria-hidden="true">
      <path id="area"/><path id="line" vector-effect="non-scaling-stroke"/>
    </svg>
    <p class="note"><span>2 minutes ago</span><span id="peak"></span><span>now</span></p>
  </section>
  <section class="tiles" aria-label="Rates and latencies">
    <div><p class="label">events in / s</p><p class="big" id="events">–</p></div>
    <div><p class="label">input lag</p><p class="big" id="lag">–</p></div>
    <div><p class="label">heartbeat lateness p50</p><p class="big" id="late50">–</p></div>
    <div><p class="label">heartbeat lateness p99</p><p class="big" id="late99">–</p></div>
    <div><p class="label">event to record p50</p><p class="big" id="end50">–</p></div>
    <div><p class="label">event to record p99</p><p class="big" id="end99">–</p></div>
  </section>
  <section class="shards" aria-label="Shards">
    <p class="label">shards</p>
    <ol id="shards"></ol>
  </section>
</main>
<footer>
  <span id="build"></span><span id="uptime"></span><span>state <code id="hash">–</code></span>
  <a href="/metrics">metrics</a><a href="/v1/stats">stats</a><a href="/healthz?verbose">health</a>
</footer>
<noscript>This page needs JavaScript; /v1/stats and /metrics do not.</noscript>
<script>${LIVE_PAGE_SCRIPT}</script>
</body>
</html>
`;
