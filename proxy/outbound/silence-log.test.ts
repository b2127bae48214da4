import { expect, it } from 'vitest';
import { Log } from '../telemetry/log.ts';
import { SilenceLog } from './silence-log.ts';

it('a target whose clients are silent is told of once, with the annotation to set', () => {
  const lines: string[] = [];
  const log = new Log(
    'warn',
    'plain',
    (line) => lines.push(line),
    () => new Date(0),
  );
  const silence = new SilenceLog(log, 10_000);
  const name = { kind: 'ip', host: '10.96.0.7', given: '10.96.0.7', port: 4222, candidates: [] } as const;
  silence.tell(name);
  silence.tell(name);
  silence.tell({ ...name, port: 3306 });
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('target=10.96.0.7:4222 waitedMs=10000 annotation=config.tulle.dev/opaque-ports: "4222"');
});
