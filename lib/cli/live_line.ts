/**
 * A line that is written again and again: in its place on a terminal, one below the other
 * elsewhere. What else is written goes through `interrupt`, so that it does not end up inside.
 */
export class LiveLine {
  readonly #write: (text: string) => void;
  /** Null: this is no terminal. */
  readonly #columns: (() => number) | null;
  #shown = "";

  constructor(write: (text: string) => void, columns: (() => number) | null) {
    this.#write = write;
    this.#columns = columns;
  }

  get isInPlace(): boolean {
    return this.#columns !== null;
  }

  show(line: string): void {
    if (this.#columns === null) return this.#write(`${line}\n`);
    // A line that wraps could not be taken back.
    this.#shown = line.slice(0, Math.max(0, this.#columns() - 1));
    this.#write(CLEAR_LINE + this.#shown);
  }

  /** Lets something be written that has its own newline at the end. */
  interrupt(write: () => void): void {
    if (this.#shown !== "") this.#write(CLEAR_LINE);
    write();
    if (this.#shown !== "") this.#write(this.#shown);
  }

  /** Leaves the line as it is and goes on below it. */
  end(): void {
    if (this.#shown !== "") this.#write("\n");
    this.#shown = "";
  }
}

const CLEAR_LINE = "\r\x1b[K";
