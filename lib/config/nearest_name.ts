/**
 * The candidate a mistyped name most likely meant, or null when none is close.
 *
 * Letter case, `-`, `_` and `.` cost nothing; otherwise an edit is an insertion, a deletion, an
 * exchange or a swap of neighbours (optimal string alignment), and at most a third of the name
 * may differ. Where none is, a name cut short or drawn out will do (`warning` for `warn`).
 */
export function nearestName(name: string, candidates: readonly string[]): string | null {
  // The table below is quadratic: no name of ours is longer, so longer ones are like none of them.
  if (name.length > 100) return null;
  const folded = fold(name);
  let nearest: string | null = null;
  let nearestEdits = Math.max(1, Math.floor(folded.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(folded, fold(candidate));
    if (edits < nearestEdits) {
      nearest = candidate;
      nearestEdits = edits;
    }
  }
  return nearest ?? candidates.find((other) => isCutShort(folded, fold(other))) ?? null;
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[-_.]/g, "");
}

function isCutShort(a: string, b: string): boolean {
  const [shorter, longer] = a.length < b.length ? [a, b] : [b, a];
  return shorter.length >= 3 && shorter.length < longer.length && longer.startsWith(shorter);
}

function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] &&
        a[row - 2] === b[column - 1];
      if (swapped) edits = Math.min(edits, beforePrevious[column - 2]! + 1);
      current.push(edits);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
