import {
  ACCOUNT_ID_WORD,
  ID_ABSENT,
  ID_IS_INTEGER,
  ID_KIND_MASK,
  ID_LONG,
  ID_WORDS,
  joinKinds,
  packId,
  SESSION_ID_WORD,
} from "./id_codec.ts";
import type { TextScanner } from "./text_scanner.ts";

/** What a record of the output says: one object, filled again for every record that is read. */
export class RecordFacts {
  /** The packed ids of device, session and account; long ones lie in `longBytes`. */
  readonly words: Int32Array = new Int32Array(ID_WORDS);
  readonly longBytes: Uint8Array = new Uint8Array(1024);
  /** Their kinds, joined as `SessionRows.setIds` takes them. */
  kinds = 0;
  status = 0;
  reason = 0;
  seq = 0;
  startedAtMs = 0;
  orderKeyMs = 0;
  /** NaN on an end. */
  nextAtMs = NaN;
  #longUsed = 0;

  get deviceKind(): number {
    return (this.kinds >>> 8) & 0xff;
  }

  get sessionKind(): number {
    return (this.kinds >>> 16) & 0xff;
  }

  setDevice(scanner: TextScanner): void {
    this.#longUsed = 0;
    this.kinds = joinKinds(this.#pack(scanner, 0), 0, 0);
  }

  setSession(scanner: TextScanner): void {
    const kind = this.#pack(scanner, SESSION_ID_WORD);
    const form = scanner.textIsInteger ? ID_IS_INTEGER : 0;
    this.kinds |= joinKinds(0, kind | form, 0);
  }

  setAccount(scanner: TextScanner): void {
    let kind = ID_ABSENT;
    if (scanner.textIsNull) this.words.fill(0, ACCOUNT_ID_WORD);
    else kind = this.#pack(scanner, ACCOUNT_ID_WORD);
    this.kinds |= joinKinds(0, 0, kind);
  }

  #pack(scanner: TextScanner, at: number): number {
    const { textBytes, textFrom, textTo } = scanner;
    const length = textTo - textFrom;
    if (scanner.textIsNull || this.#longUsed + length > this.longBytes.length) {
      scanner.failed = true;
      return 0;
    }
    const kind = packId(textBytes, textFrom, textTo, this.words, at);
    if ((kind & ID_KIND_MASK) === ID_LONG) {
      for (let i = 0; i < length; i++) {
        this.longBytes[this.#longUsed + i] = textBytes[textFrom + i]!;
      }
      this.words[at] = this.#longUsed;
      this.#longUsed += length;
    }
    return kind;
  }
}
