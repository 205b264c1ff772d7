import type { KafkaClientOptions } from "./kafka_client.ts";

/** What the adapters take from the configuration; the program's own configuration fits. */
export interface ClientSettings {
  readonly app: { readonly id: string };
  readonly kafka: {
    readonly brokers: readonly string[];
    readonly tls: { readonly enabled: boolean; readonly serverName: string | null };
    readonly sasl: {
      readonly enabled: boolean;
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string | null;
    };
  };
  readonly secrets: {
    readonly saslPassword: string | null;
    readonly tlsCa: string | null;
    readonly tlsCert: string | null;
    readonly tlsKey: string | null;
  };
}

/** Everything a client needs of the configuration; clock, log and the rest are the caller's. */
export function clientOptions(
  { app, kafka, secrets }: ClientSettings,
): Pick<KafkaClientOptions, "clientId" | "brokers" | "tls" | "sasl"> {
  const { tls, sasl } = kafka;
  return {
    clientId: app.id,
    brokers: kafka.brokers,
    ...(tls.enabled
      ? {
        tls: {
          ...(secrets.tlsCa === null ? {} : { ca: secrets.tlsCa }),
          ...(secrets.tlsCert === null ? {} : { cert: secrets.tlsCert }),
          ...(secrets.tlsKey === null ? {} : { key: secrets.tlsKey }),
          ...(tls.serverName === null ? {} : { serverName: tls.serverName }),
        },
      }
      : {}),
    ...(sasl.enabled
      ? {
        sasl: {
          mechanism: sasl.mechanism,
          username: sasl.username ?? "",
          password: secrets.saslPassword ?? "",
        },
      }
      : {}),
  };
}
