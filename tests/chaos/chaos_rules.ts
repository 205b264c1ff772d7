/** The engine's settings that the load and the check have to know, in milliseconds. */
export interface ChaosRules {
  readonly heartbeatIntervalMs: number;
  readonly maxDurationMs: number;
  readonly graceMs: number;
}

/** Short, so that every second holds starts, heartbeats, ends and timeouts. */
export const DENSE_RULES: ChaosRules = {
  heartbeatIntervalMs: 1000,
  maxDurationMs: 12_000,
  graceMs: 5000,
};

/**
 * For runs in which the broker is away for a minute: what a device repeats must still come within
 * the grace, or the contract begins its session anew.
 */
export const PATIENT_RULES: ChaosRules = { ...DENSE_RULES, graceMs: 150_000 };
