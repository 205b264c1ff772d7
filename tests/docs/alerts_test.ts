/** The alerts of docs/operations.md are the rules of deploy/prometheus-alerts.yaml. */
import { assertEquals, assertGreater } from "@std/assert";
import { parse } from "yaml";
import { readText } from "../architecture/tree.ts";
import { document, section, tableRows } from "./documents.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
}

async function rules(): Promise<Rule[]> {
  const { groups } = parse(await readText("deploy/prometheus-alerts.yaml")) as {
    groups: { rules: Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

/** "not all shards" is `SessionwheelNotAllShards`. */
function alertNameOf(words: string): string {
  const capitalised = words.split(" ").map((word) => word[0]!.toUpperCase() + word.slice(1));
  return `Sessionwheel${capitalised.join("")}`;
}

Deno.test("docs/operations.md shows the rules of deploy/prometheus-alerts.yaml, each and in order", async () => {
  const rows = tableRows(section(await document("docs/operations.md"), "## What to alert on"));
  assertGreater(rows.length, 15);
  const shown = rows.map(([name = "", expression]) => [alertNameOf(name), expression]);
  const expected = (await rules()).map(({ alert, expr, for: duration }) => {
    const minutes = duration === undefined ? "" : ` for ${duration.replace(/m$/, " min")}`;
    return [alert, `\`${expr.replaceAll(/\s+/g, " ")}\`${minutes}`];
  });
  assertEquals(shown, expected);
});
