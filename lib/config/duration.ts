import { fault, type Parsed, quote, textType, type ValueType } from "./value_type.ts";

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Durations are shown and written with the largest of these that divides them. */
const UNITS_SHOWN = ["d", "h", "m", "s"] as const;

/**
 * Milliseconds of `500ms`, `30s`, `5m`, `1h` or `30d`: a whole number and one unit. `0` needs none.
 */
export function parseDuration(text: string): Parsed<number> {
  if (/^0+$/.test(text)) return { value: 0 };
  const match = /^(\d+)\s*(ms|s|m|h|d)$/i.exec(text);
  if (match !== null) {
    return { value: Number(match[1]) * UNITS_MS[match[2]!.toLowerCase()]! };
  }
  if (/^\d+$/.test(text)) {
    return fault(
      `${quote(text)}, a number without a unit`,
      `add the unit: ${text}s or ${text}ms`,
    );
  }
  if (/^\d+\.\d+\s*[a-z]+$/i.test(text)) {
    return fault(`${quote(text)}, a fraction`, "write a whole number of a smaller unit");
  }
  if (/^-/.test(text)) return fault(`${quote(text)}, a negative one`, "leave out the minus sign");
  if (/^(\d+\s*(ms|s|m|h|d)\s*){2,}$/i.test(text)) {
    return fault(`${quote(text)}, several units`, "write one number and one unit");
  }
  return fault(quote(text), "write a number and one of the units ms, s, m, h, d");
}

/** `30s` of 30000: the largest unit that divides it. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  for (const unit of UNITS_SHOWN) {
    const unitMs = UNITS_MS[unit]!;
    if (milliseconds % unitMs === 0 && !(unit === "d" && milliseconds === unitMs)) {
      return `${milliseconds / unitMs}${unit}`;
    }
  }
  return `${milliseconds}ms`;
}

/** Durations between two bounds, both included, in milliseconds. */
export function durationBetween(minMs: number, maxMs: number): ValueType<number> {
  const bounds = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  return textType({
    expected: `a duration ${bounds}, like 500ms, 30s, 5m or 1h`,
    parseText(text) {
      const parsed = parseDuration(text);
      if ("fault" in parsed || (parsed.value >= minMs && parsed.value <= maxMs)) return parsed;
      const tooShort = parsed.value < minMs;
      return fault(
        `${quote(text)}, ${tooShort ? "too short" : "too long"}`,
        tooShort
          ? `write ${formatDuration(minMs)} or more`
          : `write ${formatDuration(maxMs)} or less`,
      );
    },
    format: formatDuration,
  });
}

/** The same, or `off`, which is null. */
export function offOrDurationBetween(minMs: number, maxMs: number): ValueType<number | null> {
  const duration = durationBetween(minMs, maxMs);
  return textType<number | null>({
    expected: `off, or ${duration.expected}`,
    parseText: (text) =>
      /^(off|false)$/i.test(text)
        ? { value: null }
        : duration.parse({ kind: "text", text, where: "" }),
    format: (value) => value === null ? "off" : formatDuration(value),
  });
}
