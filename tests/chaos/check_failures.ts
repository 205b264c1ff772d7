/**
 * `lost`: a session without its Start or End. `duplicate`: a second one, or a `seq` that does not
 * grow. `outOfOrder`: of one device. `gap`: a heartbeat left out that had to be written.
 * `unstarted`: a record of a session that no start began. `wrong`: a field.
 */
export type FaultKind = "lost" | "duplicate" | "outOfOrder" | "gap" | "unstarted" | "wrong";

/** What was found wrong: all counted, the first ones kept to be looked at. */
export class CheckFailures {
  readonly counts: Record<FaultKind, number> = {
    lost: 0,
    duplicate: 0,
    outOfOrder: 0,
    gap: 0,
    unstarted: 0,
    wrong: 0,
  };
  readonly examples: string[] = [];

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  add(kind: FaultKind, where: unknown, detail: string): void {
    this.counts[kind]++;
    if (this.examples.length < EXAMPLES_MAX) {
      this.examples.push(`${kind}: ${detail}: ${JSON.stringify(where)}`);
    }
  }
}

const EXAMPLES_MAX = 20;
