import { assertEquals, assertThrows } from "@std/assert";
import { parseHostPort } from "../../../lib/adapters/kafka/broker_address.ts";

Deno.test("parseHostPort() takes names and addresses of both families", () => {
  assertEquals(parseHostPort("broker-1.example:9092"), { host: "broker-1.example", port: 9092 });
  assertEquals(parseHostPort("10.0.0.7:1"), { host: "10.0.0.7", port: 1 });
  assertEquals(parseHostPort("[fe80::1%eth0]:9092"), { host: "fe80::1%eth0", port: 9092 });
});

for (
  const text of ["", "broker", "broker:", ":9092", "broker:0", "broker:65536", "::1:9092", "a b:1"]
) {
  Deno.test(`parseHostPort() refuses ${JSON.stringify(text)}`, () => {
    assertThrows(() => parseHostPort(text), Error, "want host:port");
  });
}
