import { assert, assertEquals } from "@std/assert";
import { renderReferenceMarkdown, renderReferenceText } from "../../lib/config/config_reference.ts";
import { CONFIG_KEYS, CONFIG_SCHEMA, type ConfigField } from "../../lib/config/config_schema.ts";
import { environmentName } from "../../lib/config/environment_settings.ts";
import { load } from "./load.ts";

const DOCUMENT = new URL("../../docs/configuration.md", import.meta.url);
const BEGIN = "<!-- reference: begin -->\n\n";
const END = "\n\n<!-- reference: end -->";

Deno.test("docs/configuration.md holds the reference as the schema has it", async () => {
  const document = await Deno.readTextFile(DOCUMENT);
  const [before, rest] = document.split(BEGIN);
  const [reference, after] = (rest ?? "").split(END);
  const expected = renderReferenceMarkdown();
  if (Deno.env.has("UPDATE_REFERENCE")) {
    await Deno.writeTextFile(DOCUMENT, `${before}${BEGIN}${expected}${END}${after}`);
    return;
  }
  assertEquals(
    withoutPadding(reference ?? ""),
    withoutPadding(expected),
    "the reference is not that of the schema: run this test once with UPDATE_REFERENCE=1",
  );
});

Deno.test("docs/configuration.md shows a whole file that gives the defaults", async () => {
  const document = await Deno.readTextFile(DOCUMENT);
  const yaml = /```yaml\n(app:[^`]+)```/.exec(document)?.[1];
  assert(yaml !== undefined);
  const [fromFile, defaults] = [await load({ yaml }), await load({})];
  assertEquals(fromFile.config, {
    ...defaults.config,
    kafka: { ...defaults.config.kafka, configured: true },
  });
});

Deno.test("renderReferenceText() names every key with its variable and meaning", () => {
  const text = renderReferenceText();
  for (const key of CONFIG_KEYS) {
    assert(text.includes(`\n${key}`), key);
    assert(text.includes(environmentName(key)), key);
  }
});

Deno.test("CONFIG_SCHEMA has for every key a meaning and a default that its type takes", () => {
  for (const key of CONFIG_KEYS) {
    const field = CONFIG_SCHEMA[key] as unknown as ConfigField<unknown>;
    assert(field.meaning.endsWith("."), key);
    if (field.default === null && field.type.format(null) === "") continue;
    const text = field.type.format(field.default);
    assertEquals(field.type.parse({ kind: "text", text, where: "" }), { value: field.default });
  }
});

/** The formatter pads the columns of tables. */
function withoutPadding(markdown: string): string {
  return markdown.replace(/ +/g, " ").replace(/-{3,}/g, "---");
}
