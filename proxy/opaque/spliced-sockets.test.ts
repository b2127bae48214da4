import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const bun = resolve(import.meta.dirname, '../../node_modules/.bin/bun');
const script = join(import.meta.dirname, 'testing/spliced-sockets.ts');
const folder = mkdtempSync(join(tmpdir(), 'tulle-splice-'));
const [key, certificate] = ['key.pem', 'certificate.pem'].map((name) => join(folder, name));

beforeAll(() => {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const name = ['-subj', '/CN=web', '-addext', 'subjectAltName=DNS:web'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...name, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['of plain TCP', 20, []],
  ['with TLS on one side', 10, [key, certificate]],
] as const)(
  'each connection %s is told of its end once, whatever clients and servers do, and leaves no descriptor',
  async (_name, rounds, tls) => {
    const seed = Date.now() % 2 ** 32;
    const { stdout } = await promisify(execFile)(bun, [script, `${seed}`, `${rounds}`, ...tls], {
      env: { PATH: process.env['PATH'], DO_NOT_TRACK: '1' },
    });
    expect(JSON.parse(stdout), `seed ${seed}`).toEqual({ left: [], lost: 0 });
  },
  60_000,
);
