import { formatTable } from '../../cli/table.ts';
import type { SoakResult } from './soak.ts';

const megabyte = 1024 * 1024;
/** What a sidecar may take whatever is done to it: Linkerd's chart suggests 250 MiB for a limit. */
const maxPrivateBytes = 250 * megabyte;
/** A run of minutes has seen all code and every size of the heap in its first part; a short one has not. */
const steadyMs = 5 * 60_000;
const allowedGrowthBytes = (forMs: number): number => (forMs >= steadyMs ? 10 : 30) * megabyte;

/** What does not hold after a run; empty when all is well. */
export function faults({ tallies, proxies, churn, hostile }: SoakResult, forMs: number): string[] {
  const found: string[] = [];
  for (const { name, done, failures } of tallies) {
    if (done === 0) found.push(`${name}: no call succeeded`);
    for (const failure of failures) found.push(`${name}: a call failed that should not: ${failure}`);
  }
  if (churn !== undefined) {
    found.push(...churn.failures);
    if (churn.restarts === 0) found.push('no endpoint came and went');
  }
  if (hostile !== undefined) {
    const { quietMs, attackedMs, attempts } = hostile;
    if (attempts === 0) found.push('nobody attacked');
    if (!(attackedMs <= 2 * quietMs))
      found.push(
        `99 of 100 calls took up to ${attackedMs.toFixed(1)} ms under attack, ${quietMs.toFixed(1)} ms without`,
      );
  }
  for (const { name, descriptors, privateBytes, mostPrivateBytes, left } of proxies) {
    const [before, after] = descriptors;
    if (after > before) found.push(`${name}: ${before} descriptors before the load, ${after} after it`);
    for (const [series, value] of Object.entries(left)) found.push(`${name}: ${series} is ${value} without a call`);
    if (mostPrivateBytes > maxPrivateBytes) {
      const [most, limit] = [mostPrivateBytes, maxPrivateBytes].map((bytes) => (bytes / megabyte).toFixed(0));
      found.push(`${name}: private memory was up to ${most} MB, more than ${limit}`);
    }
    const growth = privateBytes[1] - privateBytes[0];
    const allowed = allowedGrowthBytes(forMs);
    if (!(growth <= allowed)) {
      const [grown, limit] = [growth, allowed].map((bytes) => (bytes / megabyte).toFixed(1));
      found.push(`${name}: private memory grew by ${grown} MB, more than ${limit}`);
    }
  }
  return found;
}

export function soakTables({ tallies, proxies, churn, hostile }: SoakResult): string {
  const calls = tallies.map(({ name, done, abandoned, failures }) => [
    name,
    `${done}`,
    `${abandoned}`,
    `${failures.length}`,
  ]);
  const megabytes = (bytes: number): string => `${(bytes / megabyte).toFixed(1)} MB`;
  const held = proxies.map(({ name, descriptors, privateBytes, mostPrivateBytes, left }) => [
    name,
    ...descriptors.map(String),
    ...[...privateBytes, mostPrivateBytes].map(megabytes),
    Object.entries(left)
      .map(([series, value]) => `${series} ${value}`)
      .join(', ') || '-',
  ]);
  return [
    formatTable(['CALLS', 'DONE', 'ABANDONED', 'FAILED'], calls),
    formatTable(['SIDECAR', 'FDS_BEFORE', 'FDS_AFTER', 'PRIVATE_FIRST', 'PRIVATE_LAST', 'PRIVATE_MOST', 'LEFT'], held),
    ...(churn === undefined ? [] : [`endpoints that left, were restarted and came back: ${churn.restarts}\n`]),
    ...(hostile === undefined
      ? []
      : [
          `attacks: ${hostile.attempts}; 99 of 100 calls took up to ${hostile.quietMs.toFixed(1)} ms without, ` +
            `${hostile.attackedMs.toFixed(1)} ms with them\n`,
        ]),
  ].join('\n');
}
