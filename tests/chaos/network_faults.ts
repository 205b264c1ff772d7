import { pause } from "../support/kafka/broker_process.ts";
import type { ProxyDirection, ProxyVerdict } from "../support/kafka/tcp_proxy.ts";
import { ApiKey } from "../support/kafka/wire_client.ts";
import type { ChaosStage } from "./chaos_run.ts";
import type { ChaosFault } from "./outage_runs.ts";

/** What a network does between an engine and its broker. */
export const NETWORK_FAULTS: readonly ChaosFault[] = [
  {
    name: "all connections reset",
    cause({ proxy }) {
      proxy!.closeConnections();
      return Promise.resolve();
    },
  },
  {
    name: "all connections reset, ten times in 3 s",
    async cause({ proxy }) {
      for (let i = 0; i < 10; i++) {
        proxy!.closeConnections();
        await pause(300);
      }
    },
  },
  {
    name: "all connections refused for 8 s",
    async cause({ proxy }) {
      proxy!.down();
      await pause(8000);
      proxy!.up();
    },
  },
  oneMessage("a produce reply lost with its connection", "response", ApiKey.produce, "close"),
  oneMessage("a produce reply lost, the connection stays", "response", ApiKey.produce, "drop"),
  oneMessage("a produce reply cut", "response", ApiKey.produce, "cut"),
  oneMessage("a produce request lost with its connection", "request", ApiKey.produce, "close"),
  oneMessage("a produce request lost, the connection stays", "request", ApiKey.produce, "drop"),
  oneMessage("a produce request cut", "request", ApiKey.produce, "cut"),
  oneMessage("a fetch reply lost, the connection stays", "response", ApiKey.fetch, "drop"),
  oneMessage("a fetch reply cut", "response", ApiKey.fetch, "cut"),
  slow("each produce reply 0 to 400 ms late for 5 s", "response", ApiKey.produce, 400),
  slow("each message to the broker 0 to 50 ms late for 5 s", "request", undefined, 50),
  delayed("a produce reply 4 s late", "response", 4000),
  delayed("a produce request 4 s late", "request", 4000),
  frozen("answers frozen for 4 s", "response", 4000),
  frozen("requests frozen for 4 s", "request", 4000),
  frozen("answers frozen for 35 s", "response", 35_000),
  frozen("requests frozen for 35 s", "request", 35_000),
  {
    name: "both ways frozen for 10 s, then reset",
    async cause({ proxy }) {
      proxy!.freeze("request");
      proxy!.freeze("response");
      await pause(10_000);
      proxy!.thaw();
      proxy!.closeConnections();
    },
  },
];

function oneMessage(
  name: string,
  direction: ProxyDirection,
  apiKey: number,
  verdict: ProxyVerdict,
): ChaosFault {
  return { name, cause: (stage) => meetOne(stage, direction, apiKey, () => verdict) };
}

function delayed(name: string, direction: ProxyDirection, ms: number): ChaosFault {
  return {
    name,
    async cause(stage) {
      await meetOne(stage, direction, ApiKey.produce, () => passAfter(ms));
      await pause(ms);
    },
  };
}

function slow(
  name: string,
  direction: ProxyDirection,
  apiKey: number | undefined,
  msMax: number,
): ChaosFault {
  return {
    name,
    async cause({ proxy, random }) {
      const rule = proxy!.addRule({
        direction,
        ...(apiKey === undefined ? {} : { apiKey }),
        decide: () => passAfter(random.int(0, msMax)),
      });
      await pause(5000);
      rule.remove();
    },
  };
}

function frozen(name: string, direction: ProxyDirection, ms: number): ChaosFault {
  return {
    name,
    async cause({ proxy }) {
      proxy!.freeze(direction);
      await pause(ms);
      proxy!.thaw();
    },
  };
}

async function passAfter(ms: number): Promise<ProxyVerdict> {
  await pause(ms);
  return "pass";
}

/** Resolves when the verdict has been asked for. */
async function meetOne(
  { proxy }: ChaosStage,
  direction: ProxyDirection,
  apiKey: number,
  decide: () => ProxyVerdict | Promise<ProxyVerdict>,
): Promise<void> {
  await proxy!.addRule({ direction, apiKey, times: 1, decide }).nextHit();
}
