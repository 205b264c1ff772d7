import type { EngineProcess } from "./engine_process.ts";
import type { OutputChecker } from "./output_checker.ts";

/** The state hash of each shard, if nothing at all is under way; else null. */
export function hashesAtRest(process: EngineProcess): readonly string[] | null {
  if (!process.isRunning || process.clock.isSuspended) return null;
  const { shards } = process.status();
  const isAtRest = shards.every(({ shard, state, inFlightBatches, queuedEvents }) =>
    state === "running" && inFlightBatches === 0 && queuedEvents === 0 &&
    process.owned().includes(shard)
  );
  return isAtRest ? shards.map(({ stateHash }) => stateHash) : null;
}

/**
 * Compares what a process has restored, before it did anything, with what the output says to a
 * stranger; and with what the process before it had, where that died at rest.
 */
export function checkRestored(
  process: EngineProcess,
  checker: OutputChecker,
  hashes: readonly string[] | null,
  fault: (what: string) => void,
): void {
  const { shards } = process.status();
  const what = `process ${process.id} restored`;
  for (const { shard, sessionsActive, stateHash, endsRemembered, earlyEnds } of shards) {
    const ledger = checker.shards[shard]!;
    if (sessionsActive !== ledger.active.size) {
      fault(
        `${what} ${sessionsActive} sessions of shard ${shard}, there are ${ledger.active.size}`,
      );
    }
    if (hashes !== null && stateHash !== hashes[shard]) {
      fault(`${what} another state of shard ${shard} than was left`);
    }
    for (const session of ledger.active.values()) {
      const view = process.engine.device(session.device);
      const isSame = view?.sessionId === session.session &&
        view.startedAt === session.startedAtMs && view.lastSeq === session.lastSeq;
      if (!isSame) fault(`${what} ${JSON.stringify(view)} for ${session.key}`);
    }
    // A checkpoint may be newer than the last batch: it knows more, and its clock is ahead. And
    // under another grace some are remembered that were forgotten, or the other way round.
    if (!process.isRestoredExactly) continue;
    if (endsRemembered !== ledger.ended.size) {
      fault(`${what} ${endsRemembered} ends of shard ${shard}, there are ${ledger.ended.size}`);
    }
    if (earlyEnds !== ledger.earlyEnds.size) {
      fault(`${what} ${earlyEnds} early ends of ${shard}, there are ${ledger.earlyEnds.size}`);
    }
  }
}
