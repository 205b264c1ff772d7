import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli } from "../../lib/cli/cli.ts";
import { CommandFailure } from "../../lib/cli/command_failure.ts";
import { COMMANDS } from "../../lib/cli/command_registry.ts";
import { EXIT_IO, EXIT_MEANINGS } from "../../lib/cli/exit_codes.ts";
import { VERSION } from "../../lib/version.ts";
import { FakeSystem } from "./fake_system.ts";

const USAGE: readonly (readonly [args: readonly string[], told: string])[] = [
  [[], "sessionwheel: A command is missing\nTry `sessionwheel help`.\n"],
  [
    ["chekc"],
    'sessionwheel: Unknown command "chekc" (did you mean check?)\nTry `sessionwheel help`.\n',
  ],
  [["zzz"], 'sessionwheel: Unknown command "zzz"\nTry `sessionwheel help`.\n'],
  [["__proto__"], 'sessionwheel: Unknown command "__proto__"\nTry `sessionwheel help`.\n'],
  [
    ["--config", "x", "run"],
    "sessionwheel: Unknown flag --config (flags stand behind the command)\n" +
    "Try `sessionwheel help`.\n",
  ],
  [
    ["check", "--conect"],
    "sessionwheel check: Unknown flag --conect (did you mean --connect?)\n" +
    "Try `sessionwheel help check`.\n",
  ],
  [["replay"], "sessionwheel replay: FILE is missing\nTry `sessionwheel help replay`.\n"],
  [
    ["version", "x"],
    'sessionwheel version: One argument too many: "x"\nTry `sessionwheel help version`.\n',
  ],
  [
    ["help", "rnu"],
    'sessionwheel help: No help for "rnu" (did you mean run?)\nTry `sessionwheel help help`.\n',
  ],
];

for (const [args, told] of USAGE) {
  Deno.test(`runCli() ends ${JSON.stringify(args)} with 64 and says why`, async () => {
    const system = new FakeSystem();
    assertEquals(await runCli(args, system), 64);
    assertEquals([system.out, system.error], ["", told]);
  });
}

for (const args of [["version"], ["--version"], ["-V"]]) {
  Deno.test(`runCli() prints the version for ${args[0]}`, async () => {
    const system = new FakeSystem();
    assertEquals(await runCli(args, system), 0);
    assertMatch(
      system.out,
      new RegExp(`^sessionwheel ${VERSION} \\(deno [\\d.]+, v8 [\\d.]+(-\\w+)?, \\w+-\\w+\\)\\n$`),
    );
    assertEquals(system.error, "");
  });
}

for (const args of [["help"], ["--help"], ["-h"]]) {
  Deno.test(`runCli() lists commands and exit codes for ${args[0]}`, async () => {
    const system = new FakeSystem();
    assertEquals(await runCli(args, system), 0);
    for (const { name, summary } of COMMANDS) {
      assertMatch(system.out, new RegExp(`^  ${name} +${summary}$`, "m"));
    }
    for (const [code, meaning] of EXIT_MEANINGS) {
      assert(system.out.includes(`  ${String(code).padEnd(2)}  ${meaning}\n`), meaning);
    }
  });
}

for (const { name, summary, load } of COMMANDS) {
  Deno.test(`the command ${name} is called and summed up as it is listed`, async () => {
    const command = await load();
    assertEquals([command.name, command.summary], [name, summary]);
  });

  Deno.test(`runCli() explains ${name} by --help, -h and help, whatever else is said`, async () => {
    const texts: string[] = [];
    for (const args of [[name, "--help"], [name, "--zzz", "-h"], ["help", name]]) {
      const system = new FakeSystem();
      assertEquals(await runCli(args, system), 0);
      texts.push(system.out);
    }
    assertMatch(texts[0]!, new RegExp(`^Usage: sessionwheel ${name} .*\\[flags\\]\n`));
    assertEquals(texts, Array(3).fill(texts[0]));
    for (const line of texts[0]!.split("\n")) assert(line.length <= 100, line);
  });
}

Deno.test("runCli() explains every key of the configuration by help config", async () => {
  const system = new FakeSystem();
  assertEquals(await runCli(["help", "config"], system), 0);
  assertStringIncludes(system.out, "\nsession.grace  (default 30s)\n");
  assertStringIncludes(system.out, "    SESSIONWHEEL__SESSION__GRACE\n");
});

Deno.test("runCli() ends quietly when nobody reads its output", async () => {
  const system = new FakeSystem();
  system.isOutputClosed = true;
  assertEquals(await runCli(["help"], system), 0);
  assertEquals(system.error, "");
});

Deno.test("runCli() tells a failure of a command in one line, with its exit code", async () => {
  const system = new FakeSystem();
  system.writeOut = () => {
    throw new CommandFailure("Cannot write records: disk full", { exitCode: EXIT_IO });
  };
  assertEquals(await runCli(["version"], system), 74);
  assertEquals(system.error, "sessionwheel version: Cannot write records: disk full\n");
});

Deno.test("runCli() tells our bug with its stack and ends with 70", async () => {
  const system = new FakeSystem();
  system.writeOut = () => {
    throw new TypeError("x is not a function");
  };
  assertEquals(await runCli(["version"], system), 70);
  const [first, second, third] = system.error.split("\n");
  assertEquals(first, "sessionwheel: this is a bug of sessionwheel: x is not a function");
  assertEquals(second, "TypeError: x is not a function");
  assertMatch(third!, /^ +at /);
});

Deno.test("runCli() survives that something other than an error is thrown", async () => {
  const system = new FakeSystem();
  system.writeOut = () => {
    // deno-lint-ignore no-throw-literal -- a dependency may do it
    throw "plain text";
  };
  assertEquals(await runCli(["version"], system), 70);
  assertEquals(system.error, "sessionwheel: this is a bug of sessionwheel: plain text\n");
});
