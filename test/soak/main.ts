/**
 * Loads a local mesh for minutes and checks that its sidecars lose and keep nothing: `npm run soak`.
 *
 * Usage: node test/soak/main.ts [--for 10m] [--seed N] [--hostile]     exits 1 when something does not hold
 *
 * With --hostile strangers attack meanwhile: 99 of 100 calls of others may take at most twice as long as without.
 */
import { parseArgs } from 'node:util';
import { parseDurationMs } from '../../cli/duration.ts';
import { soak } from './soak.ts';
import { faults, soakTables } from './verdict.ts';

const { values } = parseArgs({
  options: {
    for: { type: 'string', default: '10m' },
    seed: { type: 'string' },
    hostile: { type: 'boolean', default: false },
  },
});
const forMs = parseDurationMs('--for', values.for);
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed);
if (!Number.isInteger(seed)) throw new Error(`--seed (${values.seed}) must be a whole number`);

const result = await soak({ forMs, seed, hostile: values.hostile, report: (line) => console.error(line) });
console.log(soakTables(result));
const found = faults(result, forMs);
for (const fault of found) console.error(`× ${fault}`);
if (found.length === 0) console.log('√ no call failed, no descriptor, connection or memory was lost');
process.exit(found.length === 0 ? 0 : 1);
