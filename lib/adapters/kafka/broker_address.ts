/**
 * Host and port of `broker-1:9092`, `10.0.0.7:9092` or `[::1]:9092`.
 * @throws Error naming the text that is no address.
 */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]\s]*:[^\]\s]*)\]|([^:[\]\s]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new Error(`Cannot use broker address ${JSON.stringify(text)}: want host:port`);
  }
  return { host, port };
}
