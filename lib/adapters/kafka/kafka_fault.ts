import { isAccessDenied, isRetriableCode, kafkaErrorName } from "./error_codes.ts";

/**
 * What went wrong between us and the brokers, before an adapter turns it into its port's error.
 *
 * - `unreachable`: no connection, or it broke; the outcome of a request is unknown
 * - `timeout`: no answer in time; the connection was given up, the outcome is unknown
 * - `authentication`: the broker refuses user or password
 * - `unsupported`: the broker does not speak a version we need
 * - `refused`: the broker answered with an error code
 * - `malformed`: the broker's answer cannot be read
 * - `closed`: our own client was closed
 */
export class KafkaFault extends Error {
  override readonly name = "KafkaFault";
  readonly kind: KafkaFaultKind;
  /** Error code of the protocol where `kind` is `refused`, else 0. */
  readonly code: number;
  /** Whether the same request may succeed later without anybody acting. */
  readonly retryable: boolean;

  constructor(
    message: string,
    options: { kind: KafkaFaultKind; code?: number; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.kind = options.kind;
    this.code = options.code ?? 0;
    this.retryable = isRetryable(this.kind, this.code);
  }

  get accessDenied(): boolean {
    return this.kind === "authentication" || isAccessDenied(this.code);
  }
}

export type KafkaFaultKind =
  | "unreachable"
  | "timeout"
  | "authentication"
  | "unsupported"
  | "refused"
  | "malformed"
  | "closed";

/** A broker's error code as a fault: `Cannot list offsets of events-3: NOT_LEADER… (6)`. */
export function refusal(what: string, code: number): KafkaFault {
  return new KafkaFault(`${what}: ${kafkaErrorName(code)}`, { kind: "refused", code });
}

/** A broker's bytes that make no sense: the connection they came over is not to be trusted. */
export function malformedAnswer(error: unknown): KafkaFault {
  const message = error instanceof Error ? error.message : String(error);
  return new KafkaFault(`A broker's answer cannot be read: ${message}`, {
    kind: "malformed",
    cause: error,
  });
}

function isRetryable(kind: KafkaFaultKind, code: number): boolean {
  switch (kind) {
    case "unreachable":
    case "timeout":
    case "malformed":
      return true;
    case "refused":
      return isRetriableCode(code);
    case "authentication":
    case "unsupported":
    case "closed":
      return false;
  }
}
