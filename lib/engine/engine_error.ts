/** Why an engine gives up: nothing that waiting or trying again would mend. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /**
   * `config`: what is configured does not fit what is there; an operator has to choose.
   * `state`: the log or the input is not what it must be; going on would be guessing.
   * `fenced`: a newer owner runs; this one has ended.
   */
  readonly code: "config" | "state" | "fenced";

  constructor(message: string, options: { code: EngineError["code"]; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}
