/** The folder of `deno.json`, with a slash at its end. */
export const REPOSITORY: URL = new URL("../", import.meta.url);

/** The path of a `file:` URL. */
export function fromFileUrl(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
