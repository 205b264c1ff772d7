/** Of the program; the same as in `deno.json`, which a test checks. */
export const VERSION = "0.2.0";
