/**
 * Turns what CI ran into one plain line, `N passed, N failed`, on stdout:
 * `count_tests.ts [<exit code> <JUnit file, or - for a stage that writes none>]…`
 *
 * A stage that failed counts as failed even where its report has no failure: a test file that does
 * not load appears in no report. The exit code is 0 only if something passed and nothing failed.
 */
import { say } from "./say.ts";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** `report` is null for a stage that writes none. */
export interface Stage {
  readonly exitCode: number;
  readonly report: string | null;
}

export function count(stages: readonly Stage[]): Counts {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { exitCode, report } of stages) {
    const counts = report === null ? { passed: 0, failed: 0, skipped: 0 } : countReport(report);
    total.passed += counts.passed;
    total.failed += exitCode !== 0 ? Math.max(1, counts.failed) : counts.failed;
    total.skipped += counts.skipped;
  }
  return total;
}

/** The suites' totals, which hold steps of tests too, as `deno test --junit-path` writes them. */
function countReport(report: string): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [suite] of report.matchAll(/<testsuite [^>]*>/g)) {
    const number = (name: string) => Number(suite.match(` ${name}="(\\d+)"`)?.[1] ?? 0);
    const failed = number("failures") + number("errors");
    const skipped = number("disabled");
    counts.passed += number("tests") - failed - skipped;
    counts.failed += failed;
    counts.skipped += skipped;
  }
  return counts;
}

export function summary({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

if (import.meta.main) {
  const stages: Stage[] = [];
  for (let i = 0; i < Deno.args.length; i += 2) {
    const exitCode = Number(Deno.args[i]);
    const path = Deno.args[i + 1] ?? "-";
    const report = path === "-" ? null : await Deno.readTextFile(path).catch(() => null);
    if (report === null && path !== "-" && exitCode === 0) {
      say(`${path} was not written`);
      stages.push({ exitCode: 1, report });
    } else stages.push({ exitCode, report });
  }
  const counts = count(stages);
  await Deno.stdout.write(new TextEncoder().encode(`${summary(counts)}\n`));
  Deno.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
}
