import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const bun = resolve(import.meta.dirname, '../../node_modules/.bin/bun');
const script = join(import.meta.dirname, 'testing/sockets.ts');
const folder = mkdtempSync(join(tmpdir(), 'tulle-net-'));

async function run(scenario: string, port = 0): Promise<unknown> {
  const { stdout } = await promisify(execFile)(bun, [script, scenario, folder, `${port}`], {
    timeout: 15_000,
    env: { PATH: process.env.PATH, DO_NOT_TRACK: '1' },
  });
  return JSON.parse(stdout);
}

function certificate(name: string, authority: string, altName: string): void {
  const at = (file: string) => join(folder, file);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at(`${name}.key`),
    '-out',
    at(`${name}.csr`),
    '-subj',
    `/CN=${name}`,
  );
  writeFileSync(at(`${name}.ext`), `subjectAltName=${altName}\nextendedKeyUsage=serverAuth,clientAuth\n`);
  openssl(
    'x509',
    '-req',
    '-in',
    at(`${name}.csr`),
    '-CA',
    at(`${authority}.crt`),
    '-CAkey',
    at(`${authority}.key`),
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    at(`${name}.ext`),
    '-out',
    at(`${name}.crt`),
  );
}

function authority(name: string): void {
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    `/CN=${name}`,
  ];
  execFileSync('openssl', [...args, '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)], {
    stdio: 'pipe',
  });
}

beforeAll(() => {
  authority('ca');
  authority('other-ca');
  certificate('web', 'ca', 'DNS:web.shop.serviceaccount.identity.tulle.cluster.local');
  certificate('client', 'ca', 'DNS:bot.shop.serviceaccount.identity.tulle.cluster.local');
  certificate('foreign', 'other-ca', 'DNS:bot.shop.serviceaccount.identity.tulle.cluster.local');
  certificate('spiffe', 'ca', 'URI:spiffe://mesh/ns/shop/sa/web');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('sockets on Bun', () => {
  it('pass a half-close on and still carry the other direction', async () => {
    expect(await run('half-close')).toEqual([
      'server got question',
      'server saw FIN',
      'client got late answer',
      'client saw FIN',
    ]);
  });

  it('hold a fast writer back to a slow reader in bounded memory', async () => {
    const result = (await run('backpressure')) as { complete: boolean; blockedOnce: boolean; grewMb: number };
    expect(result).toMatchObject({ complete: true, blockedOnce: true });
    expect(result.grewMb).toBeLessThan(50);
  });

  it('show a reset as an error', async () => {
    expect(await run('reset')).toEqual(['error']);
  });

  it('tell a reset that a write met as one, paused or not, behind what came before it', async () => {
    const over = ['ECONNRESET', 'descriptor -1'];
    expect(await run('reset met by a write')).toEqual({
      reading: over,
      'reading an answer': ['no, thanks', ...over],
      ending: over,
      paused: over,
      'paused behind it': over,
    });
  });

  it('to whom more is written than may wait for them end with an error, once', async () => {
    expect(await run('overflow')).toEqual({ told: ['not taken', 'paid back', 'error'], held: 0 });
  });

  it('that are aborted tell of their close, and of no FIN that the peer has not sent', async () => {
    expect(await run('abort')).toEqual(['close']);
  });

  it('break when who serves them fails, and tell of it', async () => {
    expect(await run('defect')).toEqual({ server: 'no such thing', client: 'closed', unexpected: 'no such thing' });
  });

  it('do not time out for a process that stood still while the connection was made', async () => {
    expect(await run('stood still')).toBe('connected');
  });

  it('tell a refused connection', async () => {
    expect(await run('refused')).toBe('connect');
  });

  it('have the options of their listener, or of the dial, from the start', async () => {
    const set = { keepAliveMs: 7000, userTimeoutMs: 12_000 };
    expect(await run('options')).toEqual({
      without: { accepted: {}, connected: {} },
      with: { accepted: set, connected: set },
      // The longest that the kernel takes, not none.
      long: { accepted: {}, connected: { keepAliveMs: 32_767_000, userTimeoutMs: 2 ** 31 - 1 } },
    });
  });

  it('give up connecting in time, be it that nobody takes the connection or that TLS never begins', async () => {
    // Its queue is full once it has stopped accepting: the kernel then drops who else wants in.
    const source =
      "require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })";
    const server = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(server.stdout, 'data');
    server.kill('SIGSTOP');
    const fillers = Array.from({ length: 4 }, () => connect(Number(line), '127.0.0.1').on('error', () => {}));
    try {
      await Promise.race(fillers.slice(0, 2).map((socket) => once(socket, 'connect')));
      expect(await run('silent', Number(line))).toEqual({
        connecting: 'connect timeout',
        handshake: 'connect timeout',
        inTime: true,
      });
    } finally {
      for (const socket of fillers) socket.destroy();
      server.kill('SIGKILL');
    }
  });

  it('accept a client of the same trust anchors, refuse a foreign one, and check the name on the other side', async () => {
    const result = (await run('tls')) as { good: string; wrongName: string; foreign: string; seen: string[] };
    expect(result.good).toBe('hello');
    expect(result.wrongName).toBe('tls');
    expect(['tls', 'closed']).toContain(result.foreign);
    expect(result.seen[0]).toBe('bot.shop.serviceaccount.identity.tulle.cluster.local transport.l5d.io/v1');
    expect(result.seen.at(-1)).toBe('refused');
  });

  it('know a peer by its SPIFFE id, and refuse one that carries another or none', async () => {
    const result = (await run('spiffe')) as Record<string, string> & { seen: string[] };
    expect(result).toMatchObject({ good: 'hello', wrongId: 'tls', nameOnly: 'tls', foreign: 'tls' });
    expect(result.seen[0]).toBe('spiffe://mesh/ns/shop/sa/web transport.l5d.io/v1');
  });

  it('give a TLS handshake up that does not go on', async () => {
    expect(await run('tls-stall')).toEqual(['refused']);
  });
});
