import { fault, type Parsed, quote, textType, type ValueType } from "./value_type.ts";

const UNITS_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** Bytes of `512B`, `64KiB`, `1MiB` or `2GiB`: a whole number and one unit. */
export function parseByteSize(text: string): Parsed<number> {
  const match = /^(\d+)\s*(b|kib|mib|gib)$/i.exec(text);
  if (match !== null) {
    return { value: Number(match[1]) * UNITS_BYTES[match[2]!.toLowerCase()]! };
  }
  if (/^\d+$/.test(text)) {
    return fault(
      `${quote(text)}, a number without a unit`,
      `add the unit: ${formatByteSize(Number(text))}`,
    );
  }
  // KB is 1000 bytes to some and 1024 to others: ask instead of guessing.
  const decimal = /^(\d+)\s*([kmg])b?$/i.exec(text);
  if (decimal !== null) {
    return fault(
      `${quote(text)}, a unit that has two meanings`,
      `write ${decimal[1]}${decimal[2]!.toUpperCase()}iB`,
    );
  }
  return fault(quote(text), "write a whole number and one of the units B, KiB, MiB, GiB");
}

/** `64KiB` of 65536: the largest unit that divides it. */
export function formatByteSize(bytes: number): string {
  if (bytes === 0) return "0B";
  if (bytes % UNITS_BYTES["gib"]! === 0) return `${bytes / UNITS_BYTES["gib"]!}GiB`;
  if (bytes % UNITS_BYTES["mib"]! === 0) return `${bytes / UNITS_BYTES["mib"]!}MiB`;
  if (bytes % UNITS_BYTES["kib"]! === 0) return `${bytes / UNITS_BYTES["kib"]!}KiB`;
  return `${bytes}B`;
}

/** Sizes between two bounds, both included, in bytes. */
export function byteSizeBetween(min: number, max: number): ValueType<number> {
  return textType({
    expected: `a size from ${formatByteSize(min)} to ${formatByteSize(max)}, like 64KiB or 1MiB`,
    parseText(text) {
      const parsed = parseByteSize(text);
      if ("fault" in parsed || (parsed.value >= min && parsed.value <= max)) return parsed;
      const tooSmall = parsed.value < min;
      return fault(
        `${quote(text)}, ${tooSmall ? "too small" : "too large"}`,
        tooSmall ? `write ${formatByteSize(min)} or more` : `write ${formatByteSize(max)} or less`,
      );
    },
    format: formatByteSize,
  });
}
