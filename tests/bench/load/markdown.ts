/** What the reports are made of. */

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
