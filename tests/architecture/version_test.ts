import { assertEquals } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { readText } from "./tree.ts";

Deno.test("VERSION is the version of deno.json", async () => {
  assertEquals(VERSION, JSON.parse(await readText("deno.json")).version);
});
