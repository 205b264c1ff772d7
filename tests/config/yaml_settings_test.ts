import { assert, assertEquals } from "@std/assert";
import type { ConfigProblem } from "../../lib/config/config_problem.ts";
import { readYamlSettings } from "../../lib/config/yaml_settings.ts";
import { loadError } from "./load.ts";

async function problemsOf(text: string): Promise<readonly ConfigProblem[]> {
  return (await readYamlSettings("sw.yaml", text)).problems;
}

Deno.test("readYamlSettings() keeps the text that was written, with its place", async () => {
  const text =
    "limits:\n  maxSessions: 10_000_000\n  maxEventBytes: '1MiB' # why\noutput: {topic: 007}\n";
  assertEquals(await readYamlSettings("sw.yaml", text), {
    problems: [],
    settings: [
      {
        key: "limits.maxSessions",
        source: "file",
        raw: { kind: "text", text: "10_000_000", where: "sw.yaml:2:16" },
      },
      {
        key: "limits.maxEventBytes",
        source: "file",
        raw: { kind: "text", text: "1MiB", where: "sw.yaml:3:18" },
      },
      {
        key: "output.topic",
        source: "file",
        raw: { kind: "text", text: "007", where: "sw.yaml:4:17" },
      },
    ],
  });
});

Deno.test("readYamlSettings() gives each item of a list and of a mapping its place", async () => {
  const text = "input:\n  topics:\n    - a\n    - b\n  layout:\n    deviceId: { a: x, b: y }\n";
  const { settings } = await readYamlSettings("sw.yaml", text);
  assertEquals(settings.map(({ raw }) => raw), [
    {
      kind: "list",
      items: [
        { kind: "text", text: "a", where: "sw.yaml:3:7" },
        { kind: "text", text: "b", where: "sw.yaml:4:7" },
      ],
      where: "sw.yaml:3:5",
    },
    {
      kind: "map",
      entries: [
        { key: "a", value: { kind: "text", text: "x", where: "sw.yaml:6:20" } },
        { key: "b", value: { kind: "text", text: "y", where: "sw.yaml:6:26" } },
      ],
      where: "sw.yaml:6:15",
    },
  ]);
});

const EMPTY: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["a comment", "# nothing yet\n"],
  ["null", "~\n"],
  ["a document mark", "---\n"],
  ["an empty mapping", "{}\n"],
  ["sections without keys", "app:\nkafka: {}\nsession: null\n"],
  ["keys without values", "kafka: { tls: { caFile: , certFile: ~, keyFile: null } }\n"],
];

for (const [what, text] of EMPTY) {
  Deno.test(`readYamlSettings() finds no setting in a file of ${what}`, async () => {
    assertEquals(await readYamlSettings("sw.yaml", text), { settings: [], problems: [] });
  });
}

Deno.test("readYamlSettings() takes an empty text in quotes for a value", async () => {
  const { settings } = await readYamlSettings("sw.yaml", 'output: { topic: "" }\n');
  assertEquals(settings.length, 1);
});

Deno.test("readYamlSettings() follows aliases and is not blown up by them", async () => {
  const text = "output: { topic: &t out }\ndeadLetters: { topic: *t }\n";
  const { settings } = await readYamlSettings("sw.yaml", text);
  assertEquals(settings.map(({ raw }) => raw), [
    { kind: "text", text: "out", where: "sw.yaml:1:21" },
    { kind: "text", text: "out", where: "sw.yaml:2:23" },
  ]);
  const levels = Array.from(
    { length: 30 },
    (_, level) => `  - &a${level} [${Array(9).fill(level === 0 ? "x" : `*a${level - 1}`)}]\n`,
  );
  const bomb = await readYamlSettings("sw.yaml", `input:\n topics:\n${levels.join("")}`);
  assertEquals(bomb.settings, []);
  assertEquals(bomb.problems.length, 30);
});

interface Case {
  readonly what: string;
  readonly text: string;
  readonly where: string;
  readonly found: string;
  readonly fix: string;
}

const REFUSED: readonly Case[] = [
  {
    what: "a tab at the beginning of a line",
    text: "session:\n\tgrace: 1s\n",
    where: "sw.yaml:2:1",
    found: "a tab where the line is indented",
    fix: "indent with spaces",
  },
  {
    what: "a list at the top",
    text: "- session\n",
    where: "sw.yaml:1:1",
    found: "a list",
    fix: "begin with one of the sections, and put a space behind each colon",
  },
  {
    what: "a text at the top",
    text: "session.grace:30s\n",
    where: "sw.yaml:1:1",
    found: "a single text",
    fix: "begin with one of the sections, and put a space behind each colon",
  },
  {
    what: "a second document",
    text: "app: {}\n---\nsession: {}\n",
    where: "sw.yaml:2:1",
    found: "a second document",
    fix: "remove the --- and what follows",
  },
  {
    what: "a bracket that is not closed",
    text: "input: { topics: [a\n",
    where: "sw.yaml:2:1",
    found: "wrong indentation or a bracket that is not closed",
    fix: "line it up, or close it",
  },
  {
    what: "a tag",
    text: "app: { id: !env ID }\n",
    where: "sw.yaml:1:12",
    found: "a tag (!…)",
    fix: "remove it: values are written plainly",
  },
  {
    what: "an alias to nothing",
    text: "app: { id: *nothing }\n",
    where: "sw.yaml:1:12",
    found: "an alias without its anchor",
    fix: "write the value itself",
  },
  {
    what: "a key twice in a section",
    text: "session:\n  grace: 1s\n  missed: all\n  grace: 2s\n",
    where: "sw.yaml:4:3",
    found: "the same key as at sw.yaml:2:3",
    fix: "merge the two into one",
  },
  {
    what: "a mistyped key",
    text: "session: { graze: 1s }\n",
    where: "sw.yaml:1:12",
    found: "an unknown key",
    fix: "did you mean grace?",
  },
  {
    what: "a key in the wrong section",
    text: "app: { heartbeatInterval: 1s }\n",
    where: "sw.yaml:1:8",
    found: "an unknown key",
    fix: "did you mean session.heartbeatInterval?",
  },
  {
    what: "a dotted key",
    text: "session.grace: 30s\n",
    where: "sw.yaml:1:1",
    found: "an unknown key",
    fix: "write the levels on lines of their own: session, and grace below it",
  },
  {
    what: "a merge key",
    text: "app: &a { id: x }\nsession: { <<: *a }\n",
    where: "sw.yaml:2:12",
    found: "an unknown key",
    fix: "merge keys are not taken: write the keys out",
  },
  {
    what: "a key that is a list",
    text: "? [a]\n: 1\n",
    where: "sw.yaml:1:3",
    found: "a key that is not a text",
    fix: "write `name: value`",
  },
  {
    what: "a single value for a section",
    text: "session: 30s\n",
    where: "sw.yaml:1:10",
    found: "a single value",
    fix: "put the keys below it, indented by two more spaces",
  },
  {
    what: "a list in a list",
    text: "input: { topics: [[a]] }\n",
    where: "sw.yaml:1:19",
    found: "a list in it",
    fix: "write each as one text",
  },
];

for (const { what, text, where, found, fix } of REFUSED) {
  Deno.test(`readYamlSettings() refuses ${what}`, async () => {
    const problems = await problemsOf(text);
    const told = problems.map((problem) => ({
      where: problem.where,
      found: problem.found,
      fix: problem.fix,
    }));
    assertEquals(told, [{ where, found, fix }]);
  });
}

Deno.test("readYamlSettings() tells brackets without end from a bug of ours", async () => {
  const problems = await problemsOf("[".repeat(100_000));
  assert(problems.length >= 1);
});

Deno.test("readYamlSettings() repeats nothing of the file when its syntax is wrong", async () => {
  const texts = [
    "kafka: { sasl: { password: hunter2",
    '"a"hunter2: 3',
    "a: |hunter2\n x",
    "}: hunter2",
    "a: !hunter2 x",
    "a: *hunter2",
    "a: @hunter2",
    'a: "\\hunter2"',
    "a: b: hunter2",
    "a: &hunter2 &hunter2 x",
    "%hunter2\n---\na: 1",
    "hunter2: 1\nkafka: { hunter2: 1 }".replaceAll("hunter2:", "app: hunter2 #"),
  ];
  for (const yaml of texts) {
    const error = await loadError({ yaml });
    assert(!error.message.includes("hunter2"), error.message);
  }
});
