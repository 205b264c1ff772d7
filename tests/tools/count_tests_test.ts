import { assertEquals } from "@std/assert";
import { count, summary } from "../../tools/count_tests.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="9" failures="1" errors="1" time="0.007">
    <testsuite name="./a_test.ts" tests="6" disabled="1" errors="0" failures="1">
        <testcase name="tests=&quot;7&quot;" classname="./a_test.ts" time="0.001"></testcase>
    </testsuite>
    <testsuite name="./b_test.ts" tests="3" disabled="0" errors="1" failures="0"></testsuite>
</testsuites>`;

Deno.test("count() adds up the suites of a report", () => {
  assertEquals(count([{ exitCode: 1, report: REPORT }]), { passed: 6, failed: 2, skipped: 1 });
});

Deno.test("count() takes a failed stage without a failure in its report as one failure", () => {
  const clean = REPORT.replace(`failures="1">`, `failures="0">`).replaceAll(
    `errors="1"`,
    `errors="0"`,
  );
  assertEquals(count([{ exitCode: 0, report: clean }]), { passed: 8, failed: 0, skipped: 1 });
  assertEquals(count([{ exitCode: 1, report: clean }]), { passed: 8, failed: 1, skipped: 1 });
  assertEquals(count([{ exitCode: 1, report: null }]), { passed: 0, failed: 1, skipped: 0 });
  assertEquals(count([{ exitCode: 0, report: null }]), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("summary() names skipped tests only where there are some", () => {
  assertEquals(summary({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  assertEquals(summary({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
});
