/** One JSON value a line, either way: how the parts of the bench, each a process, talk. */

/** Values of a stream of lines; ends with the stream. */
export async function* readJsonLines<Value>(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<Value> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") yield JSON.parse(line);
  }
}

/** Writes to stdout; a line is shorter than any pipe. */
export function writeJsonLine(value: unknown): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
}
