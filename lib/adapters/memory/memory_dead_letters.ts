import type { DeadLetter, DeadLetterSink } from "../../ports/dead_letters.ts";

export interface MemoryDeadLettersOptions {
  /** Letters that are kept. Default 100. */
  readonly lettersMax?: number;
  /** Bytes of keys and values that are kept. Default 4 MiB. */
  readonly bytesMax?: number;
}

/** Keeps the last dead letters, for `demo` and tests. */
export class MemoryDeadLetters implements DeadLetterSink {
  readonly #lettersMax: number;
  readonly #bytesMax: number;
  #letters: DeadLetter[] = [];
  #bytes = 0;
  #count = 0;

  constructor(options: MemoryDeadLettersOptions = {}) {
    this.#lettersMax = options.lettersMax ?? 100;
    this.#bytesMax = options.bytesMax ?? 4 * 1024 * 1024;
  }

  /** The last letters, oldest first. */
  get letters(): readonly DeadLetter[] {
    return this.#letters;
  }

  /** All letters that were ever sent. */
  get count(): number {
    return this.#count;
  }

  send(letters: readonly DeadLetter[]): Promise<number> {
    for (const letter of letters) {
      const kept = {
        ...letter,
        key: letter.key?.slice() ?? null,
        value: letter.value?.slice() ?? null,
        headers: letter.headers.map(({ key, value }) => ({
          key: key.slice(),
          value: value?.slice() ?? null,
        })),
      };
      this.#count++;
      this.#letters.push(kept);
      this.#bytes += sizeOf(kept);
    }
    let dropped = 0;
    while (
      this.#letters.length - dropped > this.#lettersMax ||
      (this.#bytes > this.#bytesMax && dropped < this.#letters.length)
    ) {
      this.#bytes -= sizeOf(this.#letters[dropped]!);
      dropped++;
    }
    if (dropped > 0) this.#letters = this.#letters.slice(dropped);
    return Promise.resolve(letters.length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function sizeOf({ key, value, headers }: DeadLetter): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) size += header.key.length + (header.value?.length ?? 0);
  return size;
}
