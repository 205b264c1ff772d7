const encoder = new TextEncoder();

/** A line on stderr: stdout belongs to the program that a task runs. */
export function say(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}
