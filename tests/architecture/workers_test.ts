import { assert, assertEquals } from "@std/assert";
import { WORKERS } from "../../tools/program.ts";
import { filesBelow, readText } from "./tree.ts";

Deno.test("Every worker is compiled into the binary", async () => {
  const workers = (await filesBelow("lib")).filter((path) => path.endsWith("_worker.ts"));
  assertEquals(workers, [...WORKERS].sort());
});

Deno.test("Every worker is checked against a worker's globals, not a window's", async () => {
  for (const path of WORKERS) {
    const text = await readText(path);
    assert(
      text.startsWith(
        `/// <reference no-default-lib="true" />\n/// <reference lib="deno.worker" />\n`,
      ),
      path,
    );
  }
});
