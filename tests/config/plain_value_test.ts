import { assert, assertEquals } from "@std/assert";
import { integerBetween, oneOf, onOrOff, pathOf, textUpTo } from "../../lib/config/plain_value.ts";
import { listOf, optional, quote, type RawText } from "../../lib/config/value_type.ts";

Deno.test("onOrOff() reads on, true, off and false in any case", () => {
  for (const word of ["on", "true", "ON", "True"]) {
    assertEquals(onOrOff().parse(text(word)), { value: true });
  }
  for (const word of ["off", "false", "OFF", "False"]) {
    assertEquals(onOrOff().parse(text(word)), { value: false });
  }
});

Deno.test("onOrOff() refuses other words and says which of the two is meant", () => {
  const fixes = [["yes", "write on"], ["0", "write off"], ["maybe", "write on or off"]] as const;
  for (const [word, fix] of fixes) {
    assertEquals(onOrOff().parse(text(word)), { fault: true, found: `"${word}"`, fix });
  }
});

Deno.test("oneOf() takes its words as they are written and suggests the nearest", () => {
  const type = oneOf(["earliest", "latest"]);
  assertEquals(type.parse(text("latest")), { value: "latest" });
  assertEquals(type.parse(text("Latest")), {
    fault: true,
    found: '"Latest"',
    fix: "did you mean latest?",
  });
  assertEquals(type.parse(text("middle")), {
    fault: true,
    found: '"middle"',
    fix: "write earliest or latest",
  });
});

Deno.test("integerBetween() takes digits within bounds, with _ between thousands", () => {
  const type = integerBetween(1, 10_000_000);
  assertEquals(type.parse(text("1")), { value: 1 });
  assertEquals(type.parse(text("10_000_000")), { value: 10_000_000 });
  const refused = [
    ["0", '"0", too small', "write 1 or more"],
    ["-1", '"-1", too small', "write 1 or more"],
    ["10000001", '"10000001", too large', "write 10000000 or less"],
    ["1e6", '"1e6"', "write 1000000"],
    ["1_0", '"1_0"', "write digits only"],
    ["1.5", '"1.5"', "write digits only"],
    ["", '""', "write digits only"],
    ["ten", '"ten"', "write digits only"],
  ] as const;
  for (const [word, found, fix] of refused) {
    assertEquals(type.parse(text(word)), { fault: true, found, fix });
  }
});

Deno.test("textUpTo() refuses the empty, the long and control characters", () => {
  const type = textUpTo(5, "a name");
  assertEquals(type.parse(text("größe")), { value: "größe" });
  for (const word of ["", "longer", "a\tb", "a\u007f"]) assert("fault" in type.parse(text(word)));
});

Deno.test("pathOf() does not repeat a key that was pasted in place of its file", () => {
  const parsed = pathOf("a file").parse(text("-----BEGIN PRIVATE KEY-----\nMIIabc\n"));
  assertEquals(parsed, {
    fault: true,
    found: "the content of a file",
    fix: "write it to a file and name the file here",
  });
});

const NAMES = listOf(textUpTo(10, "a name"), { one: "name", many: "names" });

Deno.test("listOf() takes a list, or one text with commas", () => {
  const value = ["a", "b"];
  assertEquals(NAMES.parse({ kind: "list", items: [text("a"), text("b")], where: "" }), { value });
  assertEquals(NAMES.parse(text("a, b")), { value });
  assertEquals(NAMES.parse(text("a,b,")), { value });
  assertEquals(NAMES.format(value), "a,b");
});

Deno.test("listOf() refuses an empty list, a gap, an item twice, and a mapping", () => {
  const empty = { fault: true, found: "an empty list", fix: "name at least one name" } as const;
  assertEquals(NAMES.parse({ kind: "list", items: [], where: "" }), empty);
  assertEquals(NAMES.parse(text("")), empty);
  assert("fault" in NAMES.parse(text("a,,b")));
  assert("fault" in NAMES.parse({ kind: "map", entries: [], where: "" }));
  const twice = { kind: "list", items: [text("a"), text("a", "line 9")], where: "line 8" } as const;
  assertEquals(NAMES.parse(twice), {
    fault: true,
    found: '"a" twice',
    fix: "remove one of them",
    where: "line 9",
  });
});

Deno.test("single values refuse lists and mappings", () => {
  const list = { kind: "list", items: [], where: "" } as const;
  const map = { kind: "map", entries: [], where: "" } as const;
  assertEquals(onOrOff().parse(list), {
    fault: true,
    found: "a list",
    fix: "write a single value",
  });
  assertEquals(onOrOff().parse(map), {
    fault: true,
    found: "a mapping",
    fix: "write a single value",
  });
});

Deno.test("optional() writes null as nothing", () => {
  assertEquals(optional(onOrOff()).format(null), "");
  assertEquals(optional(onOrOff()).format(true), "on");
});

Deno.test("quote() escapes control characters and cuts what is long", () => {
  assertEquals(quote('a"\n'), '"a\\"\\n"');
  assertEquals(quote("x".repeat(60)), `"${"x".repeat(60)}"`);
  assertEquals(quote("x".repeat(61)), `"${"x".repeat(60)}"…`);
  assertEquals(quote("😀".repeat(61)), `"${"😀".repeat(60)}"…`);
});

function text(value: string, where = ""): RawText {
  return { kind: "text", text: value, where };
}
