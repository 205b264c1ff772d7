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
} from "../../lib/core/id_codec.ts";
import type { Random } from "./random.ts";

export interface IdTexts {
  readonly device: string;
  readonly session: string;
  readonly sessionIsInteger?: boolean;
  readonly account?: string | null;
}

/** Three ids in the form in which events carry them. */
export interface PackedIds {
  readonly words: Int32Array;
  readonly kinds: number;
  readonly deviceKind: number;
  readonly sessionKind: number;
  readonly longBytes: Uint8Array;
}

export function packIds(texts: IdTexts): PackedIds {
  const words = new Int32Array(ID_WORDS);
  const device = encoder.encode(texts.device);
  const session = encoder.encode(texts.session);
  const hasAccount = texts.account !== undefined && texts.account !== null;
  const account = encoder.encode(texts.account ?? "");
  const longBytes = new Uint8Array([...device, ...session, ...account]);
  const sessionAt = device.length;
  const accountAt = sessionAt + session.length;
  const deviceKind = packId(longBytes, 0, sessionAt, words, 0);
  const form = texts.sessionIsInteger === true ? ID_IS_INTEGER : 0;
  const sessionKind = packId(longBytes, sessionAt, accountAt, words, SESSION_ID_WORD) | form;
  const accountKind = hasAccount
    ? packId(longBytes, accountAt, longBytes.length, words, ACCOUNT_ID_WORD)
    : ID_ABSENT;
  return {
    words,
    kinds: joinKinds(deviceKind, sessionKind, accountKind),
    deviceKind,
    sessionKind,
    longBytes,
  };
}

export function isLong(kind: number): boolean {
  return (kind & ID_KIND_MASK) === ID_LONG;
}

/** A text of any of the forms that ids are packed in, of 1 to `bytesMax` UTF-8 bytes. */
export function randomIdText(random: Random, bytesMax: number): string {
  const text = drawText(random);
  return encoder.encode(text).length <= bytesMax && text.length > 0 ? text : `${random.uint32()}`;
}

function drawText(random: Random): string {
  const length = random.pick([1, 2, 15, 16, 17, 18, 31, 32, 33, 36, 40, 127, 128, 255, 256]);
  const repeat = (draw: () => string) => Array.from({ length }, draw).join("");
  switch (random.int(0, 7)) {
    case 0:
      return random.uuid();
    case 1:
      return random.uuid().toUpperCase();
    case 2:
      return repeat(() => `${random.int(0, 9)}`);
    case 3:
      return `-${repeat(() => `${random.int(0, 9)}`)}`;
    case 4:
      return repeat(() => String.fromCharCode(random.int(0, 127)));
    case 5:
      return repeat(() => random.pick(["é", "日", "😀", "\u2028", '"', "\\", "\u0000"]));
    case 6:
      // Nearly a UUID: one character is another.
      return random.uuid().replace(/^./, random.pick(["g", "-", "A", " "]));
    default:
      return repeat(() => random.pick(["a", "b"]));
  }
}

const encoder = new TextEncoder();
