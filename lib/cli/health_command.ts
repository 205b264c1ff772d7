import { formatHostPort, type HostPort } from "../config/host_port.ts";
import { defineCommand } from "./command.ts";
import { CONFIG_FLAGS, loadCommandConfig } from "./command_config.ts";
import { EXIT_OK, EXIT_UNAVAILABLE } from "./exit_codes.ts";

/** Enough for the sentence; whatever listens there may be something else that never ends. */
const BODY_BYTES_MAX = 64 * 1024;

export const HEALTH_COMMAND = defineCommand({
  name: "health",
  summary: "ask a running process whether it is well",
  description: `Asks the process at http.address whether it is ready, and prints its answer.
Exit code 0: it is; 69: it is not, or nobody answers. Made for container health checks.`,
  operands: [],
  flags: {
    live: { kind: "switch", meaning: "ask whether it is alive, ready or not" },
    timeout: {
      kind: "duration",
      minMs: 100,
      maxMs: 60_000,
      defaultMs: 3000,
      meaning: "how long to wait for the answer",
    },
    ...CONFIG_FLAGS,
  },
  async run({ flags, system }) {
    // Only the address is needed: secrets may be out of reach for whoever checks.
    const { config } = await loadCommandConfig(flags, system, { readSecrets: false });
    const address = reachableAddress(config.http.address);
    const path = flags.live ? "/livez" : "/readyz";
    const answer = await ask(address, path, flags.timeout);
    if ("failure" in answer) {
      system.writeError(
        `sessionwheel health: no answer from http://${formatHostPort(address)}${path}: ` +
          `${answer.failure}\n`,
      );
      return EXIT_UNAVAILABLE;
    }
    system.writeOut(`${answer.body.trim() || `status ${answer.status}`}\n`);
    return answer.status === 200 ? EXIT_OK : EXIT_UNAVAILABLE;
  },
});

/** Who listens on every interface is asked on this machine's own. */
function reachableAddress(address: HostPort): HostPort {
  if (address.host === "0.0.0.0") return { ...address, host: "127.0.0.1" };
  if (address.host === "::") return { ...address, host: "::1" };
  return address;
}

type Answer = { readonly status: number; readonly body: string } | { readonly failure: string };

/**
 * A plain GET over node:http: unlike `fetch` it asks no proxy from the environment, which would
 * answer for another machine's loopback.
 */
async function ask(address: HostPort, path: string, timeoutMs: number): Promise<Answer> {
  const http = await import("node:http");
  return await new Promise<Answer>((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (error: Error) => {
      const failure = signal.aborted ? `none within ${timeoutMs} ms` : error.message;
      resolve({ failure });
    };
    const request = http.request({
      host: address.host,
      port: address.port,
      path,
      agent: false,
      signal,
      headers: { connection: "close", host: formatHostPort(address) },
    }, (response) => {
      const status = response.statusCode ?? 0;
      let body = "";
      response.setEncoding("utf8");
      response.on("error", fail);
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > BODY_BYTES_MAX) response.destroy(new Error("the answer is too long"));
      });
      response.on("end", () => resolve({ status, body }));
    });
    request.on("error", fail);
    request.end();
  });
}
