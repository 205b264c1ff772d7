import { assert, assertEquals } from "@std/assert";
import { textOrTextByTopic } from "../../lib/config/text_by_topic.ts";
import type { RawText, RawValue } from "../../lib/config/value_type.ts";

const TYPE = textOrTextByTopic();

Deno.test("textOrTextByTopic() takes one field name for all topics", () => {
  assertEquals(TYPE.parse(text("hostPcId")), { value: "hostPcId" });
});

Deno.test("textOrTextByTopic() takes a mapping, also written as one text", () => {
  const value = { pc: "hostPcId", console: "openPsid" };
  const entries = [
    { key: "pc", value: text("hostPcId") },
    { key: "console", value: text("openPsid") },
  ];
  assertEquals(TYPE.parse({ kind: "map", entries, where: "" }), { value });
  assertEquals(TYPE.parse(text("pc=hostPcId, console=openPsid")), { value });
  assertEquals(TYPE.format(value), "pc=hostPcId,console=openPsid");
});

Deno.test("textOrTextByTopic() keeps a topic called __proto__ a topic", () => {
  const parsed = TYPE.parse(text("__proto__=x"));
  assert("value" in parsed && typeof parsed.value === "object");
  assertEquals(Object.entries(parsed.value), [["__proto__", "x"]]);
});

const REFUSED: readonly (readonly [what: string, raw: RawValue, found: string])[] = [
  ["a list", { kind: "list", items: [], where: "" }, "a list"],
  ["an empty mapping", { kind: "map", entries: [], where: "" }, "an empty mapping"],
  ["a part without a topic", text("pc=a,b"), '"b", without a topic'],
  ["a topic twice", text("pc=a,pc=b"), 'the topic "pc" twice'],
  ["an empty field", text("pc="), "an empty text"],
];

for (const [what, raw, found] of REFUSED) {
  Deno.test(`textOrTextByTopic() refuses ${what}`, () => {
    const parsed = TYPE.parse(raw);
    assert("fault" in parsed);
    assertEquals(parsed.found, found);
  });
}

function text(value: string): RawText {
  return { kind: "text", text: value, where: "" };
}
