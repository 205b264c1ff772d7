import type { CommandSystem } from "../../lib/cli/command.ts";
import { OutputClosedError } from "../../lib/cli/output_closed_error.ts";
import { type MemoryFile, memoryFiles } from "../config/memory_files.ts";

/** A process that only remembers what was written. */
export class FakeSystem implements CommandSystem {
  out = "";
  error = "";
  /** Set: whoever read standard output is gone. */
  isOutputClosed = false;
  readonly files: CommandSystem["files"];
  readonly #environment: Readonly<Record<string, string>>;

  constructor(options: {
    readonly files?: Readonly<Record<string, string | MemoryFile>>;
    readonly environment?: Readonly<Record<string, string>>;
  } = {}) {
    this.files = memoryFiles(options.files ?? {});
    this.#environment = options.environment ?? {};
  }

  writeOut(text: string): void {
    if (this.isOutputClosed) throw new OutputClosedError("nobody reads");
    this.out += text;
  }

  writeError(text: string): void {
    this.error += text;
  }

  environment(): Readonly<Record<string, string>> {
    return this.#environment;
  }

  hostname(): string {
    return "edge-7";
  }
}
