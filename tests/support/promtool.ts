import { say } from "../../tools/say.ts";

/** Whether there is a promtool. Always with `CI=true`: there a missing tool is a failure. */
export function hasPromtool(): boolean {
  if (Deno.env.get("CI") === "true") return true;
  try {
    return new Deno.Command("promtool", { args: ["--version"], stderr: "null", stdout: "null" })
      .outputSync().success;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    say('promtool is not on the PATH (Debian package "prometheus"): it does not check the metrics');
    return false;
  }
}

/** What `promtool check metrics` finds; nothing when all is well. */
export async function promtoolFindings(text: string): Promise<string> {
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const findings = decoder.decode(stdout) + decoder.decode(stderr);
  return code === 0 ? findings : `exit code ${code}: ${findings}`;
}
