import { expect, it } from 'vitest';
import { componentLog } from './log.ts';

it('a line has a bound, whatever stands in its fields and message', () => {
  const lines: string[] = [];
  const log = componentLog('identity', 'info', { write: (line: string) => void lines.push(line) });
  const long = 'x\n'.repeat(100_000);
  log.warn({ identity: long, nested: { objects: Array.from({ length: 1000 }, () => 'web') } }, `refused: ${long}`);
  log.info('ready');
  expect(lines).toHaveLength(2);
  const [warned, ready] = lines.map((line) => JSON.parse(line));
  expect(lines[0].length).toBeLessThan(20_000);
  expect(lines[0].trimEnd()).not.toContain('\n');
  expect(warned).toMatchObject({ name: 'tulle-identity', identity: `${long.slice(0, 4096)}...` });
  expect(warned.nested.objects).toHaveLength(100);
  expect(ready.msg).toBe('ready');
});
