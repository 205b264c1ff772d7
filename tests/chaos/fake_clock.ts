/** libfaketime as Debian installs it, the build for programs of several threads. */
const LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/** The wall clock of a process, to be set while it runs; its monotonic clock stays true. */
export class FakeClock {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /** @throws Error where libfaketime is not installed. */
  static async create(file: string): Promise<FakeClock> {
    await Deno.stat(LIBRARY).catch((cause) => {
      throw new Error(`Cannot fake a clock: ${LIBRARY} is not there (Debian: faketime)`, { cause });
    });
    const clock = new FakeClock(file);
    await clock.set(0);
    return clock;
  }

  /** For the process that is to have this clock. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      // A change is seen within so many seconds; to look at each call would cost a lot.
      FAKETIME_CACHE_DURATION: "1",
      DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    };
  }

  /** Seconds ahead of the true time; negative: behind. */
  async set(offSeconds: number): Promise<void> {
    const next = `${this.#file}.next`;
    await Deno.writeTextFile(next, `${offSeconds < 0 ? "" : "+"}${offSeconds}\n`);
    await Deno.rename(next, this.#file);
  }
}
