import { fault, type Parsed, quote, textType, type ValueType } from "./value_type.ts";

/** A place to listen at or connect to. */
export interface HostPort {
  /** A name or an address; an IPv6 address stands without its brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `1.2.3.4:port` or `[::1]:port`. */
export function parseHostPort(
  text: string,
  options: { readonly portMin: number; readonly examplePort: number },
): Parsed<HostPort> {
  // What stands before an "@" may be a password: it is not repeated in a message.
  if (text.includes("@")) {
    return fault("an address with an @ in it", "write only host:port, without a user name");
  }
  const example = `:${options.examplePort}`;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    return fault(
      `${quote(text)}, a URL`,
      `write only host:port, ${quote(text.replace(/^.*?:\/\//, "").replace(/\/.*$/, ""))}`,
    );
  }
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed === null && text.split(":").length > 2) {
    return fault(
      `${quote(text)}, an IPv6 address without brackets`,
      `write the address in brackets, like ${quote(`[::1]${example}`)}`,
    );
  }
  const plain = /^([^:[\]]*)(?::(.*))?$/.exec(text);
  const [, host, portText] = bracketed ?? plain ?? [];
  if (host === undefined) return fault(quote(text), "write host:port");
  if (host === "") {
    return fault(
      `${quote(text)}, without a host`,
      `name the host, like ${quote(`127.0.0.1${example}`)}`,
    );
  }
  const hostIsFit = bracketed === null ? isHostName(host) : isIpv6Address(host);
  if (!hostIsFit) {
    const kind = bracketed === null ? "a host name or an IPv4 address" : "an IPv6 address";
    return fault(`${quote(text)}, whose host is not ${kind}`, "correct the host");
  }
  if (portText === undefined || portText === "") {
    const shown = bracketed === null ? host : `[${host}]`;
    return fault(
      `${quote(text)}, without a port`,
      `add the port, like ${quote(`${shown}${example}`)}`,
    );
  }
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port < options.portMin || port > 65_535) {
    return fault(
      `${quote(text)}, whose port is not one`,
      `write a port from ${options.portMin} to 65535`,
    );
  }
  return { value: { host, port } };
}

/** The way back: brackets around an IPv6 address. */
export function formatHostPort(address: HostPort): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether only this machine can reach what listens there. */
export function isLoopbackHost(host: string): boolean {
  return host === "::1" || host.toLowerCase() === "localhost" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** An address to listen at; port 0 asks the system for a free one. */
export function listenAddress(): ValueType<HostPort> {
  return textType({
    expected: "host:port with a port from 0 to 65535 (0 = any free one)",
    parseText: (text) => parseHostPort(text, { portMin: 0, examplePort: 8484 }),
    format: formatHostPort,
  });
}

/** A Kafka broker, kept as text since that is how clients take it. */
export function brokerAddress(): ValueType<string> {
  return textType({
    expected: "host:port with a port from 1 to 65535",
    parseText(text) {
      const parsed = parseHostPort(text, { portMin: 1, examplePort: 9092 });
      return "fault" in parsed ? parsed : { value: formatHostPort(parsed.value) };
    },
  });
}

/** Labels of letters, digits, `-` and `_` (Docker's service names have it); IPv4 numbers checked. */
function isHostName(host: string): boolean {
  if (/^[\d.]+$/.test(host)) {
    return /^(\d{1,3}\.){3}\d{1,3}$/.test(host) &&
      host.split(".").every((part) => Number(part) <= 255);
  }
  return host.length <= 253 && /^[\p{L}\p{N}_-]{1,63}(\.[\p{L}\p{N}_-]{1,63})*\.?$/u.test(host);
}

/** A zone (`fe80::1%eth0`) is allowed: it is the system's to judge. */
function isIpv6Address(host: string): boolean {
  const [address, zone] = host.split("%", 2);
  return (zone === undefined || /^[\w.-]+$/.test(zone)) && URL.canParse(`http://[${address}]/`);
}
