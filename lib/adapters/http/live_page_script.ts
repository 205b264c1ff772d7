/**
 * The live page's script. It writes text only through `textContent`, so nothing from the engine can
 * become markup; it contains no backslash and no template literal, so that this string is its source.
 */
export const LIVE_PAGE_SCRIPT = `
"use strict";
const POINTS_MAX = 120;
const POLL_MS = 1000;
const points = [];
const byId = (id) => document.getElementById(id);
const show = (id, text) => {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
};
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

function count(value) {
  return value === null || value === undefined ? "–" : whole.format(value);
}

function rate(value) {
  return value === null ? "–" : (value < 100 ? one : whole).format(value);
}

function duration(ms) {
  if (ms === null) return "–";
  if (ms < 1000) return (ms < 100 ? one : whole).format(ms) + " ms";
  if (ms < 120000) return one.format(ms / 1000) + " s";
  return whole.format(ms / 60000) + " min";
}

function uptime(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return "up " + seconds + " s";
  if (minutes < 60) return "up " + minutes + " min";
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? "up " + hours + " h " + minutes % 60 + " min" : "up " + Math.floor(hours / 24) + " days";
}

function stateOf(stats) {
  const running = stats.shards.filter((shard) => shard.state === "running").length;
  if (stats.phase === "failed" || stats.phase === "stopped") return ["bad", stats.phase];
  if (!stats.brokersReachable) return ["bad", "brokers do not answer"];
  if (stats.clockJump) return ["bad", "clock jumped"];
  if (stats.clockAheadMs > 1000) return ["bad", "time is ahead, by " + duration(stats.clockAheadMs)];
  if (!stats.started) return ["warn", "restoring, " + Math.floor(stats.restoreProgress * 100) + " %"];
  if (running < stats.shards.length) {
    return ["warn", running + " of " + stats.shards.length + " shards running"];
  }
  return stats.phase === "running" ? ["good", "running"] : ["warn", stats.phase];
}

function setState(state) {
  byId("state").className = "pill " + state[0];
  show("state", state[1]);
}

function drawSpark() {
  const peak = Math.max(1, ...points);
  const step = 600 / (POINTS_MAX - 1);
  const startX = 600 - (points.length - 1) * step;
  const place = (value, i) =>
    (startX + i * step).toFixed(1) + " " + (118 - value / peak * 112).toFixed(1);
  const line = points.length < 2 ? "" : "M" + points.map(place).join("L");
  byId("line").setAttribute("d", line);
  byId("area").setAttribute("d", line === "" ? "" : line + "L600 120L" + startX.toFixed(1) + " 120Z");
  show("peak", points.length < 2 ? "" : "peak " + rate(peak));
}

function drawShards(shards) {
  const list = byId("shards");
  while (list.children.length > shards.length) list.lastChild.remove();
  while (list.children.length < shards.length) {
    const item = document.createElement("li");
    item.append(document.createElement("span"), document.createElement("b"));
    list.append(item);
  }
  shards.forEach((shard, i) => {
    const item = list.children[i];
    item.className = shard.state;
    item.title = shard.reason === null ? "" : shard.reason;
    item.firstChild.textContent = shard.shard + " " + shard.state;
    item.lastChild.textContent = count(shard.sessionsActive);
  });
}

function draw(stats) {
  setState(stateOf(stats));
  show("active", count(stats.sessions.active));
  show("remembered", count(stats.sessions.endsRemembered) + " ended and remembered");
  const rates = stats.rates;
  show("events", rate(rates && rates.eventsPerSecond));
  show("records", rate(rates && rates.recordsPerSecond));
  show("lag", count(stats.lagRecords));
  show("late50", duration(stats.latencies.heartbeatLateness.p50Ms));
  show("late99", duration(stats.latencies.heartbeatLateness.p99Ms));
  show("end50", duration(stats.latencies.endToEnd.p50Ms));
  show("end99", duration(stats.latencies.endToEnd.p99Ms));
  show("build", "version " + stats.version);
  show("uptime", uptime(stats.uptimeSeconds));
  show("hash", stats.stateHash);
  if (rates !== null) points.push(rates.recordsPerSecond);
  while (points.length > POINTS_MAX) points.shift();
  drawSpark();
  drawShards(stats.shards);
}

async function poll() {
  const startedAt = performance.now();
  try {
    const answer = await fetch("/v1/stats", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.status === 401 ? "token needed" : "engine does not answer");
    draw(await answer.json());
    document.body.classList.remove("stale");
  } catch (error) {
    const known = error.message === "token needed" || error.message === "engine does not answer";
    setState(["bad", known ? error.message : "no connection"]);
    document.body.classList.add("stale");
  }
  setTimeout(poll, Math.max(100, POLL_MS - (performance.now() - startedAt)));
}

poll();
`;
