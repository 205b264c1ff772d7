/** One thing that is wrong with the configuration, told so that it can be put right. */
export interface ConfigProblem {
  /** `file:line:column`, an environment variable's name, a flag; empty when it is set nowhere. */
  readonly where: string;
  /** The key it is about, `session.grace`; empty when it is about a file as a whole. */
  readonly key: string;
  readonly found: string;
  readonly expected: string;
  readonly fix: string;
}

/**
 * Everything that is wrong with the configuration, at once. The message shows all problems and
 * repeats no secret; the process ends with exit code 78.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const inOrder = sortProblems(problems);
    super(renderProblems(inOrder));
    this.problems = inOrder;
  }
}

/** Those of the file by line, as one goes through it; then the others as they came. */
function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const inFile: { problem: ConfigProblem; line: number; column: number }[] = [];
  const others: ConfigProblem[] = [];
  for (const problem of problems) {
    const place = /:(\d+):(\d+)$/.exec(problem.where);
    if (place === null) others.push(problem);
    else inFile.push({ problem, line: Number(place[1]), column: Number(place[2]) });
  }
  inFile.sort((a, b) => a.line - b.line || a.column - b.column);
  return [...inFile.map(({ problem }) => problem), ...others];
}

function renderProblems(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const blocks = problems.map((problem) => {
    const title = [problem.where, problem.key].filter((part) => part !== "").join("  ");
    return [
      title,
      `  found     ${problem.found}`,
      `  expected  ${problem.expected}`,
      `  fix       ${problem.fix}`,
    ].join("\n");
  });
  return [`Cannot use the configuration: ${count}`, ...blocks].join("\n\n");
}
