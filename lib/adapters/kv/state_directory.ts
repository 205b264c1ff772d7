import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CheckpointStoreError } from "../../ports/checkpoint_store.ts";
import { checkpointStoreFailure } from "./checkpoint_store_failure.ts";

/**
 * The directory `state.dir`, held by one process at a time.
 *
 * Two processes on one Deno KV file both seem to work and then collide, so the file `lock` beside it
 * is held. It is an empty SQLite database with a write transaction open: the one exclusive lock that
 * needs no waiting and is there on every Deno we run on (`FsFile.tryLockSync` is not on 2.6). The
 * kernel frees it however the process ends; that the file exists means nothing. `lock.pid` names the
 * last holder.
 *
 * POSIX drops the lock when this process closes *any* descriptor of the file: nobody else may open it.
 */
export class StateDirectory {
  readonly path: string;
  readonly #lock: DatabaseSync;

  private constructor(path: string, lock: DatabaseSync) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the directory where it is missing, and locks it.
   * @throws CheckpointStoreError `locked` while another store holds it; `read_only`, `disk_full`.
   */
  static acquire(path: string): StateDirectory {
    const action = `use the state directory ${path}`;
    try {
      Deno.mkdirSync(path, { recursive: true, mode: 0o750 });
      refuseReadOnly(path);
      const directory = new StateDirectory(path, openLock(join(path, "lock")));
      writeHolder(path);
      return directory;
    } catch (cause) {
      const failure = checkpointStoreFailure(action, cause);
      if (failure.code !== "locked") throw failure;
      throw new CheckpointStoreError(
        `Cannot ${action}: ${readHolder(path)} holds it; ` +
          `stop that one, or set state.dir to a directory of its own`,
        { code: "locked", retryable: true, cause },
      );
    }
  }

  /** Lets others have the directory. */
  release(): void {
    this.#lock.close();
  }
}

function openLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(path);
  try {
    // Without a journal on the disk: nothing is ever written.
    lock.exec("PRAGMA journal_mode = MEMORY");
    lock.exec("BEGIN IMMEDIATE");
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** SQLite opens a file that it may not write for reading, and then says that it is locked. */
function refuseReadOnly(path: string): void {
  Deno.openSync(join(path, "lock.pid"), { write: true, create: true }).close();
}

function writeHolder(path: string): void {
  try {
    Deno.writeTextFileSync(join(path, "lock.pid"), `${Deno.pid}\n`);
  } catch {
    // It only makes a better message; a full disk shows where it matters.
  }
}

function readHolder(path: string): string {
  try {
    const holder = Deno.readTextFileSync(join(path, "lock.pid")).trim();
    if (/^\d+$/.test(holder)) return `process ${holder}`;
  } catch {
    // As good as no number.
  }
  return "another process";
}
