import { nearestName } from "./nearest_name.ts";
import { fault, quote, textType, type ValueType } from "./value_type.ts";

/** `on` and `true`, `off` and `false`. */
export function onOrOff(): ValueType<boolean> {
  return textType({
    expected: "on or off (true and false will do)",
    parseText(text) {
      if (/^(on|true)$/i.test(text)) return { value: true };
      if (/^(off|false)$/i.test(text)) return { value: false };
      if (/^(yes|y|1|enabled?)$/i.test(text)) return fault(quote(text), "write on");
      if (/^(no|n|0|disabled?)$/i.test(text)) return fault(quote(text), "write off");
      return fault(quote(text), "write on or off");
    },
    format: (value) => value ? "on" : "off",
  });
}

/** One of a few words, in the case they are written here. */
export function oneOf<const T extends string>(words: readonly T[]): ValueType<T> {
  return textType({
    expected: words.length === 2 ? `${words[0]} or ${words[1]}` : `one of ${words.join(", ")}`,
    parseText(text) {
      const word = words.find((candidate) => candidate === text);
      if (word !== undefined) return { value: word };
      const nearest = nearestName(text, words);
      return fault(
        quote(text),
        nearest === null ? `write ${listWords(words)}` : `did you mean ${nearest}?`,
      );
    },
  });
}

/** `a, b or c`. */
export function listWords(words: readonly string[]): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

/** Whole numbers, `10000000` or `10_000_000`. */
export function integerBetween(min: number, max: number): ValueType<number> {
  return textType({
    expected: `a whole number from ${min} to ${max}`,
    parseText(text) {
      if (!/^-?\d+(_\d{3})*$/.test(text)) {
        const spelled = Number(text);
        return fault(
          quote(text),
          text !== "" && Number.isInteger(spelled) && spelled >= min && spelled <= max
            ? `write ${spelled}`
            : "write digits only",
        );
      }
      const value = Number(text.replaceAll("_", ""));
      if (value < min) return fault(`${quote(text)}, too small`, `write ${min} or more`);
      if (value > max) return fault(`${quote(text)}, too large`, `write ${max} or less`);
      return { value };
    },
  });
}

/** Text of bounded length without control characters. */
export function textUpTo(charactersMax: number, noun: string): ValueType<string> {
  return textType({
    expected: `${noun} of 1 to ${charactersMax} characters`,
    parseText(text) {
      if (text === "") return fault("an empty text", `write ${noun}`);
      // deno-lint-ignore no-control-regex -- control characters are what is looked for
      if (/[\u0000-\u001f\u007f]/.test(text)) {
        return fault(`${quote(text)}, with a control character`, "leave it out");
      }
      if ([...text].length > charactersMax) return fault(`${quote(text)}, too long`, "shorten it");
      return { value: text };
    },
  });
}

/** A path. The content of a key file, pasted here by mistake, is not repeated in the message. */
export function pathOf(noun: "a file" | "a folder"): ValueType<string> {
  return textType({
    expected: `the path of ${noun}`,
    parseText(text) {
      if (text === "") return fault("an empty text", `name ${noun}`);
      if (text.includes("-----BEGIN")) {
        return fault("the content of a file", "write it to a file and name the file here");
      }
      if (text.includes("\0")) return fault("a path with a zero byte", "correct the path");
      if (/[\r\n]/.test(text)) return fault("text of several lines", "write one path");
      return { value: text };
    },
  });
}
