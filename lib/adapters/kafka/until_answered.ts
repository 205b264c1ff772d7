import { callsForMetadata } from "./error_codes.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";

/**
 * Repeats an attempt until it succeeds, with growing pauses, for as long as the client is open: this
 * is how everything outside the hot path waits for brokers that are away. `what` names it in the
 * log, as in `Cannot list offsets of events`.
 *
 * A refused login is tried `loginAttemptsMax` times, ever more rarely, since some brokers lock out
 * whom they refuse too often.
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
        (isLogin(error) && refusedLogins < client.loginAttemptsMax) ||
        // A connection may be closed because the broker moved: only the client's end is final.
        (error.kind === "closed" && !client.isClosed);
      if (!mayRepeat || client.isClosed) throw error;
      if (failures > 0) {
        client.limiter.write("warn", `${what} ${error.code}`, `${what} yet: ${error.message}`);
      }
      const moved = error.kind === "refused" ? callsForMetadata(error.code) : !isLogin(error);
      if (moved) await client.refreshMetadata();
      await client.pause(isLogin(error) ? loginPauseMs(refusedLogins) : pauseMs(failures));
    }
  }
}

function isLogin(fault: KafkaFault): boolean {
  return fault.kind === "authentication";
}

function pauseMs(failures: number): number {
  return Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** failures);
}

function loginPauseMs(refused: number): number {
  return Math.min(LOGIN_PAUSE_MAX_MS, LOGIN_PAUSE_MS * 2 ** (refused - 1));
}

const PAUSE_MS = 20;
const PAUSE_MAX_MS = 1_000;
const LOGIN_PAUSE_MS = 500;
const LOGIN_PAUSE_MAX_MS = 10_000;
