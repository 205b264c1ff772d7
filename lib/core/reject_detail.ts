/**
 * The words for what is wrong with an event. They go to headers and logs, so what arrived is quoted
 * in printable ASCII and shortened, whatever it holds. Only rejected events pay for them.
 */

const EXCERPT_BYTES_MAX = 48;

/** The first bytes of `bytes[from, to)`; what is not printable ASCII is written as `\x` and hex. */
export function excerpt(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  const end = Math.min(to, from + EXCERPT_BYTES_MAX);
  for (let i = from; i < end; i++) {
    const c = bytes[i]!;
    text += c >= 0x20 && c < 0x7f
      ? String.fromCharCode(c)
      : "\\x" + c.toString(16).padStart(2, "0");
  }
  return end < to ? text + "..." : text;
}

/** Why `bytes[from, to)` is not JSON, whose first byte that cannot be is at `at`. */
export function describeNotJson(bytes: Uint8Array, from: number, to: number, at: number): string {
  if (from === to) return "event is empty";
  if (bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf) {
    return "event begins with a byte order mark";
  }
  if (at === to) return `event ends too early, after ${to - from} bytes`;
  return `event is not JSON from byte ${at - from}: ${excerpt(bytes, at, to)}`;
}
