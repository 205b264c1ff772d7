/** A topic of any length as kcat reads it: without headers, of which it prints no binary values. */

export interface StreamedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
}

/**
 * From the beginning of a topic to its end, read_uncommitted, every checksum verified. Records of a
 * partition come in its order, those of different partitions mixed.
 * @throws Error with what kcat said, when it fails.
 */
export async function* streamTopic(
  bootstrap: string,
  topic: string,
): AsyncGenerator<StreamedRecord> {
  const child = new Deno.Command("kcat", {
    args: [
      "-C",
      "-q",
      "-e",
      "-b",
      bootstrap,
      "-t",
      topic,
      "-o",
      "beginning",
      "-f",
      "%p %o %T %K %S\\n%k%s",
      "-X",
      "check.crcs=true",
      "-X",
      "isolation.level=read_uncommitted",
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  let rest = new Uint8Array(0);
  for await (const chunk of child.stdout) {
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    let at = 0;
    for (let read = readRecord(bytes, at); read !== null; read = readRecord(bytes, at)) {
      at = read.end;
      yield read.record;
    }
    rest = bytes.slice(at);
  }
  const { success, code } = await child.status;
  if (!success) throw new Error(`kcat ended with ${code}: ${await said}`);
  if (rest.length > 0) throw new Error(`kcat's output is cut off, ${rest.length} bytes are left`);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The record at that place, or null when it is not whole yet. */
function readRecord(
  bytes: Uint8Array,
  from: number,
): { readonly record: StreamedRecord; readonly end: number } | null {
  const lineEnd = bytes.indexOf(LINE_END, from);
  if (lineEnd < 0) return null;
  const numbers = decoder.decode(bytes.subarray(from, lineEnd)).split(" ").map(Number);
  if (numbers.length !== 5 || numbers.some(Number.isNaN)) throw new Error("Not kcat's output");
  const [partition, offset, timestampMs, keyLength, valueLength] = numbers as [
    number,
    number,
    number,
    number,
    number,
  ];
  const keyEnd = lineEnd + 1 + Math.max(0, keyLength);
  const end = keyEnd + Math.max(0, valueLength);
  if (end > bytes.length) return null;
  const text = (length: number, to: number) =>
    length < 0 ? null : decoder.decode(bytes.subarray(to - length, to));
  const record = {
    partition,
    offset,
    timestampMs,
    key: text(keyLength, keyEnd),
    value: text(valueLength, end),
  };
  return { record, end };
}

const LINE_END = 0x0a;
