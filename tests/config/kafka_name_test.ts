import { assert, assertEquals } from "@std/assert";
import { applicationId, topicName } from "../../lib/config/kafka_name.ts";
import type { RawText } from "../../lib/config/value_type.ts";

Deno.test("topicName() takes every name that Kafka takes", () => {
  for (const name of ["events", "a", "A.b_c-9", "...", "x".repeat(249)]) {
    assertEquals(topicName().parse(text(name)), { value: name });
  }
});

const REFUSED: readonly (readonly [name: string, found: string])[] = [
  ["", "an empty name"],
  [".", '".", which Kafka reserves'],
  ["..", '"..", which Kafka reserves'],
  ["a b", '"a b", with the character " "'],
  ["größe", '"größe", with the character "ö"'],
  ["a/b", '"a/b", with the character "/"'],
  ["x".repeat(250), `"${"x".repeat(60)}"…, 250 characters`],
];

for (const [name, found] of REFUSED) {
  Deno.test(`topicName() refuses ${JSON.stringify(name.slice(0, 20))}`, () => {
    const parsed = topicName().parse(text(name));
    assert("fault" in parsed);
    assertEquals(parsed.found, found);
  });
}

Deno.test("applicationId() leaves room for what is appended to it", () => {
  assertEquals(applicationId().parse(text("x".repeat(100))), { value: "x".repeat(100) });
  assert("fault" in applicationId().parse(text("x".repeat(101))));
  assert("fault" in applicationId().parse(text("team/app")));
});

function text(value: string): RawText {
  return { kind: "text", text: value, where: "" };
}
