/** Why something that arrived is not an event: the closed set of the header `sw-dlq-reason`. */
export const REJECT_REASONS = [
  "not_json",
  "not_object",
  "missing_field",
  "bad_field",
  "too_large",
  "undecodable",
] as const;

export type RejectReason = (typeof REJECT_REASONS)[number];
