import { join } from "node:path";
import { CheckpointStoreError } from "../../ports/checkpoint_store.ts";
import { checkpointStoreFailure } from "./checkpoint_store_failure.ts";

/**
 * The directory `state.dir`, held by one process at a time.
 *
 * Two processes on one Deno KV file both seem to work and then collide, so the file `lock` beside
 * it carries an exclusive advisory lock. The kernel frees it however the process ends; the file
 * stays, with the last holder's process id inside, and is no sign of anything by itself.
 */
export class StateDirectory {
  readonly path: string;
  readonly #lock: Deno.FsFile;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the directory where it is missing, and locks it.
   * @throws CheckpointStoreError `locked` while another store holds it; `read_only`, `disk_full`.
   */
  static acquire(path: string): StateDirectory {
    let lock: Deno.FsFile;
    try {
      Deno.mkdirSync(path, { recursive: true, mode: 0o750 });
      lock = Deno.openSync(join(path, "lock"), { read: true, write: true, create: true });
    } catch (cause) {
      throw checkpointStoreFailure(`use the state directory ${path}`, cause);
    }
    try {
      if (!lock.tryLockSync(true)) {
        const holder = readText(lock).trim();
        const who = /^\d+$/.test(holder) ? `process ${holder}` : "another process";
        throw new CheckpointStoreError(
          `Cannot use the state directory ${path}: ${who} holds it; ` +
            `stop that one, or set state.dir to a directory of its own`,
          { code: "locked", retryable: true },
        );
      }
    } catch (cause) {
      lock.close();
      throw checkpointStoreFailure(`lock the state directory ${path}`, cause);
    }
    writeHolder(lock);
    return new StateDirectory(path, lock);
  }

  /** Lets others have the directory. */
  release(): void {
    this.#lock.close();
  }
}

function writeHolder(lock: Deno.FsFile): void {
  try {
    lock.truncateSync(0);
    lock.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch {
    // It only makes a better message; a full disk shows where it matters.
  }
}

function readText(file: Deno.FsFile): string {
  const bytes = new Uint8Array(32);
  const length = file.readSync(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, length));
}
