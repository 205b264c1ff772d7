import { EngineError } from "../engine/engine_error.ts";
import { OutputLogError } from "../ports/output_log.ts";
import { SourceError } from "../ports/source.ts";

/** Why an engine gave up, as it crosses threads: cloning would lose an error's class and fields. */
export interface EngineFailure {
  readonly kind: EngineFailureKind;
  readonly message: string;
  /** Of our own bugs only; what the world does wrong has a sentence that says it. */
  readonly stack: string | null;
}

/**
 * `config`: what is configured does not fit what is there; an operator has to choose.
 * `state`: the log or the input is not what it must be; an operator has to look.
 * `fenced`: a newer owner runs, this one has ended.
 * `world`: the cluster refuses or has changed; to start again helps, at once or later.
 * `bug`: ours.
 */
export type EngineFailureKind = "config" | "state" | "fenced" | "world" | "bug";

export function toEngineFailure(error: unknown): EngineFailure {
  const kind = kindOf(error);
  if (!(error instanceof Error)) return { kind, message: String(error), stack: null };
  const name = kind === "bug" ? `${error.name}: ` : "";
  return {
    kind,
    message: name + error.message,
    stack: kind === "bug" ? error.stack ?? null : null,
  };
}

function kindOf(error: unknown): EngineFailureKind {
  if (error instanceof EngineError) return error.code;
  if (error instanceof OutputLogError) return kindOfOutput(error.code);
  if (error instanceof SourceError) return kindOfSource(error.code);
  return "bug";
}

function kindOfOutput(code: OutputLogError["code"]): EngineFailureKind {
  switch (code) {
    case "unfit_topic":
      return "config";
    case "fenced":
      return "fenced";
    case "access_denied":
    case "unreachable":
    case "other":
      return "world";
  }
}

function kindOfSource(code: SourceError["code"]): EngineFailureKind {
  switch (code) {
    case "unknown_topic":
      return "config";
    case "offset_out_of_range":
      return "state";
    case "partitions_added":
    case "access_denied":
    case "other":
      return "world";
  }
}
