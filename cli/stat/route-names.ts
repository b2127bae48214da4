/** As far as a route is told apart by it: its group is that of its kind, '' where it is not known. */
interface Named {
  readonly group: string;
}

/**
 * How routes are named in a table: `canary`, and where both groups that have such a kind have one of that name,
 * `canary.policy.linkerd.io`. `keyOf`: what is one route but for its group, its name at the end.
 */
export function routeNames<Row extends Named>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  keyOf: (row: Row) => string,
): (row: Row) => string {
  const groups = new Map<string, Set<string>>();
  for (const row of rows) groups.set(keyOf(row), (groups.get(keyOf(row)) ?? new Set()).add(row.group));
  return (row) => {
    const isTwice = (groups.get(keyOf(row))?.size ?? 0) > 1 && row.group !== '';
    return isTwice ? `${nameOf(row)}.${row.group}` : nameOf(row);
  };
}
