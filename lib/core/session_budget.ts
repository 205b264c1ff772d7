/** How many active sessions all shards of a process may hold together. */
export class SessionBudget {
  readonly sessionsMax: number;
  active = 0;

  constructor(sessionsMax: number) {
    this.sessionsMax = sessionsMax;
  }
}
