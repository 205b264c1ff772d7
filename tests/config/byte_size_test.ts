import { assertEquals } from "@std/assert";
import { byteSizeBetween, formatByteSize, parseByteSize } from "../../lib/config/byte_size.ts";

const READ: readonly (readonly [text: string, bytes: number, written: string])[] = [
  ["512B", 512, "512B"],
  ["64KiB", 65_536, "64KiB"],
  ["1MiB", 1_048_576, "1MiB"],
  ["2GiB", 2_147_483_648, "2GiB"],
  ["1024KiB", 1_048_576, "1MiB"],
  ["1 mib", 1_048_576, "1MiB"],
  ["0B", 0, "0B"],
];

for (const [text, bytes, written] of READ) {
  Deno.test(`parseByteSize() reads ${text} as ${bytes}, and formatByteSize() writes ${written}`, () => {
    assertEquals(parseByteSize(text), { value: bytes });
    assertEquals(formatByteSize(bytes), written);
  });
}

const REFUSED: readonly (readonly [text: string, found: string, fix: string])[] = [
  ["1048576", '"1048576", a number without a unit', "add the unit: 1MiB"],
  ["1MB", '"1MB", a unit that has two meanings', "write 1MiB"],
  ["64k", '"64k", a unit that has two meanings', "write 64KiB"],
  ["1.5MiB", '"1.5MiB"', "write a whole number and one of the units B, KiB, MiB, GiB"],
  ["big", '"big"', "write a whole number and one of the units B, KiB, MiB, GiB"],
];

for (const [text, found, fix] of REFUSED) {
  Deno.test(`parseByteSize() refuses ${text} and says how to write it`, () => {
    assertEquals(parseByteSize(text), { fault: true, found, fix });
  });
}

Deno.test("byteSizeBetween() takes its bounds and refuses what lies beyond them", () => {
  const type = byteSizeBetween(1024, 65_536);
  const parse = (text: string) => type.parse({ kind: "text", text, where: "" });
  assertEquals(parse("1KiB"), { value: 1024 });
  assertEquals(parse("64KiB"), { value: 65_536 });
  assertEquals(parse("1023B"), {
    fault: true,
    found: '"1023B", too small',
    fix: "write 1KiB or more",
  });
  assertEquals(parse("65KiB"), {
    fault: true,
    found: '"65KiB", too large',
    fix: "write 64KiB or less",
  });
});
