import { assertEquals } from "@std/assert";
import { parseSetFlag, readFlagSettings } from "../../lib/config/flag_settings.ts";

Deno.test("parseSetFlag() cuts at the first = and keeps the rest", () => {
  assertEquals(parseSetFlag("input.layout.deviceId=a=b,c=d"), {
    key: "input.layout.deviceId",
    value: "a=b,c=d",
    where: "--set input.layout.deviceId",
  });
  assertEquals(parseSetFlag("session.grace="), {
    key: "session.grace",
    value: "",
    where: "--set session.grace",
  });
  assertEquals(parseSetFlag("session.grace").value, null);
});

Deno.test("readFlagSettings() takes known keys, in order", () => {
  const flags = ["session.grace=1s", "session.grace=2s"].map(parseSetFlag);
  const { settings, problems } = readFlagSettings(flags);
  assertEquals(problems, []);
  assertEquals(settings.map(({ raw }) => raw), [
    { kind: "text", text: "1s", where: "--set session.grace" },
    { kind: "text", text: "2s", where: "--set session.grace" },
  ]);
});

const REFUSED: readonly (readonly [flag: string, where: string, found: string, fix: string])[] = [
  ["session.grac=1s", "--set session.grac", "an unknown key", "did you mean session.grace?"],
  ["grace=1s", "--set grace", "an unknown key", "did you mean session.grace?"],
  [
    "zzz=1s",
    "--set zzz",
    "an unknown key",
    "leave it out (`sessionwheel help config` lists all keys)",
  ],
  ["session.grace", "--set session.grace", "a key without a value", "write session.grace=VALUE"],
  [
    "a b\n=1",
    '--set "a b"',
    "an unknown key",
    "leave it out (`sessionwheel help config` lists all keys)",
  ],
];

for (const [flag, where, found, fix] of REFUSED) {
  Deno.test(`readFlagSettings() refuses --set ${JSON.stringify(flag)}`, () => {
    const { settings, problems } = readFlagSettings([parseSetFlag(flag)]);
    assertEquals(settings, []);
    assertEquals(problems.map((problem) => [problem.where, problem.found, problem.fix]), [
      [where, found, fix],
    ]);
  });
}
