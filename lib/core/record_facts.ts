import {
  ACCOUNT_BYTES_MAX,
  ACCOUNT_ID_WORD,
  DEVICE_BYTES_MAX,
  ID_ABSENT,
  ID_IS_INTEGER,
  ID_WORDS,
  joinKinds,
  SESSION_BYTES_MAX,
  SESSION_ID_WORD,
} from "./id_codec.ts";
import { LongIds } from "./long_ids.ts";
import type { TextScanner } from "./text_scanner.ts";

/** What a record of the output says: one object, filled again for every record that is read. */
export class RecordFacts {
  /** The packed ids of device, session and account; long ones lie in `longBytes`. */
  readonly words: Int32Array = new Int32Array(ID_WORDS);
  /** Their kinds, joined as `SessionRows.setIds` takes them. */
  kinds = 0;
  status = 0;
  reason = 0;
  seq = 0;
  startedAtMs = 0;
  orderKeyMs = 0;
  /** NaN on an end. */
  nextAtMs = NaN;
  readonly #long = new LongIds(DEVICE_BYTES_MAX + SESSION_BYTES_MAX + ACCOUNT_BYTES_MAX);

  get deviceKind(): number {
    return (this.kinds >>> 8) & 0xff;
  }

  get sessionKind(): number {
    return (this.kinds >>> 16) & 0xff;
  }

  get longBytes(): Uint8Array {
    return this.#long.bytes;
  }

  /** Takes the text that was just read; one that can be no device's makes the scanner fail. */
  setDevice(scanner: TextScanner): void {
    this.#long.clear();
    if (scanner.textIsInteger) scanner.failed = true;
    this.kinds = joinKinds(this.#pack(scanner, 0, 1, DEVICE_BYTES_MAX), 0, 0);
  }

  setSession(scanner: TextScanner): void {
    const kind = this.#pack(scanner, SESSION_ID_WORD, 1, SESSION_BYTES_MAX);
    const form = scanner.textIsInteger ? ID_IS_INTEGER : 0;
    this.kinds |= joinKinds(0, kind | form, 0);
  }

  setAccount(scanner: TextScanner): void {
    let kind = ID_ABSENT;
    if (scanner.textIsNull) this.words.fill(0, ACCOUNT_ID_WORD);
    else kind = this.#pack(scanner, ACCOUNT_ID_WORD, 0, ACCOUNT_BYTES_MAX);
    if (scanner.textIsInteger) scanner.failed = true;
    this.kinds |= joinKinds(0, 0, kind);
  }

  #pack(scanner: TextScanner, at: number, bytesMin: number, bytesMax: number): number {
    const { textBytes, textFrom, textTo } = scanner;
    const length = textTo - textFrom;
    if (scanner.textIsNull || length < bytesMin || length > bytesMax) {
      scanner.failed = true;
      return 0;
    }
    return this.#long.pack(textBytes, textFrom, textTo, this.words, at);
  }
}
