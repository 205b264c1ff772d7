/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/// <reference lib="deno.unstable" />

self.onmessage = (event: MessageEvent<string>) => {
  if (event.data === "ping") self.postMessage("pong");
};
