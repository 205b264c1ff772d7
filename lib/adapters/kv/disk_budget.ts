import { statfsSync } from "node:fs";
import { CheckpointStoreError } from "../../ports/checkpoint_store.ts";

/**
 * What a checkpoint leaves free on the disk: others live there too, Kafka often among them, and a
 * file that filled its disk can no longer delete its own garbage, since a deletion is written to
 * SQLite's log first. The log alone grows to 32 MiB before it is folded into the file.
 */
export const DISK_RESERVE_BYTES = 128 * 1024 * 1024;

/**
 * Keeps checkpoints from taking the last bytes of a disk.
 *
 * SQLite never gives space back: what was deleted is written over by what comes next. So the budget
 * is the free room inside the file, which may always be used, and then that of the disk.
 */
export class DiskBudget {
  readonly #directory: string;
  readonly #reserveBytes: number;
  #reusableBytes: number;

  /** @param reusableBytes free room inside the file */
  constructor(directory: string, reserveBytes: number, reusableBytes: number) {
    this.#directory = directory;
    this.#reserveBytes = reserveBytes;
    this.#reusableBytes = reusableBytes;
  }

  /**
   * Accounts for values about to be written. Cost: at most 8 µs.
   * @throws CheckpointStoreError `disk_full` when they would take what is reserved.
   */
  take(bytes: number): void {
    if (this.#reusableBytes >= bytes) {
      this.#reusableBytes -= bytes;
      return;
    }
    const { bavail, bsize } = statfsSync(this.#directory);
    const freeBytes = bavail * bsize;
    if (freeBytes < this.#reserveBytes + bytes) {
      throw new CheckpointStoreError(
        `Cannot write a checkpoint: ${this.#directory} has ${toMib(freeBytes)} MiB free, ` +
          `and the last ${toMib(this.#reserveBytes)} MiB are not taken`,
        { code: "disk_full", retryable: true },
      );
    }
    this.#reusableBytes = 0;
  }

  /** Accounts for values that were deleted. */
  giveBack(bytes: number): void {
    this.#reusableBytes += bytes;
  }
}

function toMib(bytes: number): number {
  return Math.floor(bytes / (1024 * 1024));
}
