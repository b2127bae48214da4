import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Issuer } from '../control-plane/identity/issuer.ts';
import { KeySet } from '../control-plane/identity/key-set.ts';
import { makeCredentials, tokenLifetimeMs } from './credentials.ts';
import { claimLoopbackNetwork } from './network.ts';
import { RestartDelay } from './restart-delay.ts';
import { StateFolder } from './state-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-local-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('restarts wait twice as long each time up to the limit, and a sound run begins anew', () => {
  const delay = new RestartDelay({ initialMs: 100, maxMs: 300, soundAfterMs: 1000 });
  expect([5, 5, 5, 5, 1000, 5].map((ranMs) => delay.after(ranMs))).toEqual([100, 200, 300, 300, 100, 200]);
});

describe('loopback networks', () => {
  it('are each claimed by one mesh, until it releases its own', async () => {
    const networks = await Promise.all([4999, 4999, 4999].map(claimLoopbackNetwork));
    const cidrs = networks.map(({ cidr }) => cidr);
    expect(new Set(cidrs).size).toBe(3);
    for (const network of networks) network.release();
    await vi.waitFor(async () => {
      const again = await claimLoopbackNetwork(4999);
      again.release();
      expect(cidrs).toContain(again.cidr);
    });
  });

  it('give 253 addresses, then say that there is none left', async () => {
    const network = await claimLoopbackNetwork(4998);
    network.release();
    const taken = Array.from({ length: 253 }, () => network.take());
    expect(new Set(taken).size).toBe(253);
    expect(() => network.take()).toThrow(`${network.cidr} has no address left`);
  });
});

describe('credentials', () => {
  it('are what the identity component takes: an issuer of the anchor, and tokens of the key set', async () => {
    const nowMs = Date.now();
    const made = await makeCredentials(folder, 'cluster.local', 'tulle', nowMs);
    const read = (file: string) => readFile(file, 'utf8');
    await Issuer.load(
      {
        certificate: await read(made.issuerCertificateFile),
        key: await read(made.issuerKeyFile),
        trustAnchors: made.trustAnchors,
      },
      nowMs,
    );
    const keys = KeySet.parse(await read(made.keySetFile));
    expect(keys).toBeDefined();
    const [, claims] = made.token('shop', 'web', nowMs).split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      sub: 'system:serviceaccount:shop:web',
      exp: Math.floor(nowMs / 1000) + tokenLifetimeMs / 1000,
    });
  });

  it('are for the eyes of their owner alone', async () => {
    const made = await makeCredentials(folder, 'cluster.local', 'tulle', Date.now());
    expect((await stat(made.issuerKeyFile)).mode & 0o077).toBe(0);
  });
});

describe('the state folder', () => {
  const runner = { pid: process.pid, manifests: '/dist', network: '127.77.0.0/24', meshNamespace: 'tulle' };

  it('tells who runs, refuses a second mesh, and is free again when that is gone', async () => {
    const state = new StateFolder(folder);
    await state.claim();
    await state.announce(runner);
    expect(await state.runner()).toEqual(runner);
    await expect(new StateFolder(folder).claim()).rejects.toThrow(`a local mesh runs in ${folder} already`);
    await state.release();
    expect(await state.runner()).toBeUndefined();
    expect(await readdir(folder)).toEqual(['logs']);
  });

  it('a runner that has died does not count', async () => {
    const state = new StateFolder(folder);
    await state.announce({ ...runner, pid: 2 ** 22 + 1 });
    expect(await state.runner()).toBeUndefined();
    await state.claim();
  });
});
