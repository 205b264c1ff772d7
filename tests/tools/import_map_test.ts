import { assertEquals } from "@std/assert";
import { withStandIns } from "../../tools/import_map.ts";
import { REPOSITORY } from "../../tools/repository.ts";
import { filesBelow, readText } from "../architecture/tree.ts";

Deno.test("withStandIns() replaces jsr entries, anchors relative ones and keeps the rest", () => {
  const imports = {
    "@std/assert": "jsr:@std/assert@^1",
    "kafkajs/": "npm:/kafkajs@2.2.4/",
    "local": "./lib/a.ts",
  };
  assertEquals(withStandIns({ imports }, new URL("file:///repository/")).imports, {
    "@std/assert": "file:///repository/tools/stand_ins/assert.ts",
    "kafkajs/": "npm:/kafkajs@2.2.4/",
    "local": "file:///repository/lib/a.ts",
  });
});

Deno.test("The stand-ins have every name that is imported from @std", async () => {
  const imported = new Map<string, Set<string>>();
  const collector: Deno.lint.Plugin = {
    name: "collector",
    rules: {
      imports: {
        create: () => ({
          ImportDeclaration(node) {
            const source = node.source.value;
            if (!source.startsWith("@std/")) return;
            const names = imported.get(source) ?? new Set();
            imported.set(source, names);
            for (const specifier of node.specifiers) {
              // `import * as` would hide which names are in use.
              const name = specifier.type === "ImportSpecifier" ? specifier.imported : null;
              names.add(name?.type === "Identifier" ? name.name : `(${specifier.type})`);
            }
          },
        }),
      },
    },
  };
  for (const path of (await filesBelow()).filter((path) => path.endsWith(".ts"))) {
    Deno.lint.runPlugin(collector, new URL(path, REPOSITORY).href, await readText(path));
  }

  const missing: string[] = [];
  for (const [source, names] of imported) {
    const standIn = await import(
      new URL(`tools/stand_ins/${source.replace("@std/", "")}.ts`, REPOSITORY).href
    );
    for (const name of names) if (!(name in standIn)) missing.push(`${source}: ${name}`);
  }
  assertEquals(missing, []);
  assertEquals(imported.has("@std/assert"), true);
});
