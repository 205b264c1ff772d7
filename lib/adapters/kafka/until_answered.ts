import { callsForMetadata } from "./error_codes.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";

/**
 * Repeats an attempt until it succeeds, with growing pauses, for as long as the client is open: this
 * is how everything outside the hot path waits for brokers that are away. `what` names it in the
 * log, as in `Cannot list offsets of events`.
 *
 * A refused login is tried three times: a broker that just started may not know its users yet.
 * @throws KafkaFault what nobody can wait out; `closed` when the client is closed meanwhile
 */
export async function untilAnswered<T>(
  client: KafkaClient,
  what: string,
  attempt: () => Promise<T>,
): Promise<T> {
  let refusedLogins = 0;
  for (let failures = 0;; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof KafkaFault)) throw error;
      if (isLogin(error)) refusedLogins += 1;
      const mayRepeat = error.retryable ||
        (isLogin(error) && refusedLogins < LOGIN_ATTEMPTS) ||
        // A connection may be closed because the broker moved: only the client's end is final.
        (error.kind === "closed" && !client.isClosed);
      if (!mayRepeat || client.isClosed) throw error;
      if (failures > 0) {
        client.limiter.write("warn", `${what} ${error.code}`, `${what} yet: ${error.message}`);
      }
      const moved = error.kind === "refused" ? callsForMetadata(error.code) : !isLogin(error);
      if (moved) await client.refreshMetadata();
      await client.pause(pauseMs(failures, isLogin(error)));
    }
  }
}

function isLogin(fault: KafkaFault): boolean {
  return fault.kind === "authentication";
}

const LOGIN_ATTEMPTS = 3;

function pauseMs(failures: number, login: boolean): number {
  const pause = Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** failures);
  return login ? Math.max(pause, LOGIN_PAUSE_MS) : pause;
}

const PAUSE_MS = 20;
const PAUSE_MAX_MS = 1_000;
const LOGIN_PAUSE_MS = 500;
