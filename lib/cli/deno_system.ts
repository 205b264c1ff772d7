import type { ConfigFile } from "../config/config_files.ts";
import type { CommandSystem } from "./command.ts";
import { OutputClosedError } from "./output_closed_error.ts";

const READ_BYTES = 64 * 1024;

/** The process that we are. */
export function denoSystem(): CommandSystem {
  return {
    writeOut(text) {
      try {
        writeWhole(Deno.stdout, text);
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosedError("nobody reads");
        throw error;
      }
    },
    writeError(text) {
      try {
        writeWhole(Deno.stderr, text);
      } catch (error) {
        // There is nowhere left to say it; the exit code still does.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    },
    errorIsTerminal: Deno.stderr.isTerminal(),
    ...(Deno.stdout.isTerminal() ? { outColumns: () => Deno.consoleSize().columns } : {}),
    environment: () => Deno.env.toObject(),
    hostname: () => Deno.hostname(),
    files: { read: readFile },
  };
}

function writeWhole(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}

/** Reads to the end or until one byte beyond the limit, from pipes (`--config <(…)`) as well. */
async function readFile(path: string, bytesMax: number): Promise<ConfigFile> {
  using file = await Deno.open(path, { read: true });
  const { mode } = await file.stat();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length <= bytesMax) {
    const chunk = new Uint8Array(Math.min(READ_BYTES, bytesMax + 1 - length));
    const read = await file.read(chunk);
    if (read === null) break;
    chunks.push(chunk.subarray(0, read));
    length += read;
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return { bytes, mode };
}
