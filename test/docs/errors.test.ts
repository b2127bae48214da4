import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { failures } from '../../proxy/exchange/proxy-failure.ts';
import { tcpErrors } from '../../proxy/model/tcp-errors.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8');
const rows = (columns: number): string[][] =>
  page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Code') && !line.startsWith('| `error`'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter((cells) => cells.length === columns);

it('every failure of a request is in the table of docs/errors.md, with its statuses, label and message', () => {
  expect(rows(6).map((cells) => cells.slice(0, 5))).toEqual(
    Object.values(failures).map(({ code, status, grpcStatus, kind, message }) => [
      code,
      String(status),
      String(grpcStatus),
      kind,
      message,
    ]),
  );
});

it('every failure of a connection is in the table of docs/errors.md', () => {
  expect(rows(2)).toEqual(Object.entries(tcpErrors).map((entry) => [...entry]));
});
