import { assert, assertEquals } from "@std/assert";
import {
  brokerAddress,
  formatHostPort,
  isLoopbackHost,
  parseHostPort,
} from "../../lib/config/host_port.ts";

const BROKER = { portMin: 1, examplePort: 9092 };

const READ: readonly (readonly [text: string, host: string, port: number])[] = [
  ["127.0.0.1:9092", "127.0.0.1", 9092],
  ["localhost:1", "localhost", 1],
  ["kafka-1.example.org:65535", "kafka-1.example.org", 65535],
  ["broker_1:9092", "broker_1", 9092],
  ["kafka.example.org.:9092", "kafka.example.org.", 9092],
  ["[::1]:9092", "::1", 9092],
  ["[2001:db8::7]:9092", "2001:db8::7", 9092],
];

for (const [text, host, port] of READ) {
  Deno.test(`parseHostPort() reads ${text}, and formatHostPort() writes it back`, () => {
    assertEquals(parseHostPort(text, BROKER), { value: { host, port } });
    assertEquals(formatHostPort({ host, port }), text);
  });
}

const REFUSED: readonly (readonly [text: string, found: string, fix: string])[] = [
  ["localhost", '"localhost", without a port', 'add the port, like "localhost:9092"'],
  ["localhost:", '"localhost:", without a port', 'add the port, like "localhost:9092"'],
  ["[::1]", '"[::1]", without a port', 'add the port, like "[::1]:9092"'],
  [":9092", '":9092", without a host', 'name the host, like "127.0.0.1:9092"'],
  ["", '"", without a host', 'name the host, like "127.0.0.1:9092"'],
  [
    "::1:9092",
    '"::1:9092", an IPv6 address without brackets',
    'write the address in brackets, like "[::1]:9092"',
  ],
  ["host:0", '"host:0", whose port is not one', "write a port from 1 to 65535"],
  ["host:65536", '"host:65536", whose port is not one', "write a port from 1 to 65535"],
  ["host:kafka", '"host:kafka", whose port is not one', "write a port from 1 to 65535"],
  ["host:-1", '"host:-1", whose port is not one', "write a port from 1 to 65535"],
  ["a b:1", '"a b:1", whose host is not a host name or an IPv4 address', "correct the host"],
  [
    "256.0.0.1:1",
    '"256.0.0.1:1", whose host is not a host name or an IPv4 address',
    "correct the host",
  ],
  ["1.2.3:1", '"1.2.3:1", whose host is not a host name or an IPv4 address', "correct the host"],
  ["[zz]:1", '"[zz]:1", whose host is not an IPv6 address', "correct the host"],
  [
    "kafka://host:9092/x",
    '"kafka://host:9092/x", a URL',
    'write only host:port, "host:9092"',
  ],
  [
    "user:secret@host:9092",
    "an address with an @ in it",
    "write only host:port, without a user name",
  ],
];

for (const [text, found, fix] of REFUSED) {
  Deno.test(`parseHostPort() refuses ${JSON.stringify(text)} and says how to write it`, () => {
    assertEquals(parseHostPort(text, BROKER), { fault: true, found, fix });
  });
}

Deno.test("parseHostPort() takes port 0 where listening allows it", () => {
  const address = parseHostPort("127.0.0.1:0", { portMin: 0, examplePort: 8484 });
  assertEquals(address, { value: { host: "127.0.0.1", port: 0 } });
});

Deno.test("brokerAddress() keeps the text, without zeros in front of the port", () => {
  const type = brokerAddress();
  assertEquals(type.parse({ kind: "text", text: "[::1]:09092", where: "" }), {
    value: "[::1]:9092",
  });
});

Deno.test("isLoopbackHost() knows what only this machine can reach", () => {
  for (const host of ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"]) {
    assert(isLoopbackHost(host), host);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.org", "localhost.example"]) {
    assert(!isLoopbackHost(host), host);
  }
});
