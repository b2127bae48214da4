import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { kubeconfigAccess } from './kubeconfig.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-kubeconfig-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (): string => join(folder, 'config');
const quiet = { onProblem: () => {} };

function write(cluster: object, user: object, rest: object = {}): string {
  const config = {
    'current-context': 'one',
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://api.example:6443', ...cluster } }],
    users: [{ name: 'u', user }],
    ...rest,
  };
  writeFileSync(path(), stringify(config));
  return path();
}

test('certificates are taken inline, or from files beside the kubeconfig', async () => {
  writeFileSync(join(folder, 'ca.pem'), 'CA');
  const access = await kubeconfigAccess(
    write(
      { 'certificate-authority': 'ca.pem', 'tls-server-name': 'kubernetes' },
      { 'client-certificate-data': Buffer.from('CERT').toString('base64'), 'client-key-data': 'S0VZ' },
    ),
    quiet,
  );
  expect(access.url.href).toBe('https://api.example:6443/');
  expect(access.serverName).toBe('kubernetes');
  expect(access.credentials()).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY', token: undefined });
});

test('a token file is read again when the server refuses its token', async () => {
  writeFileSync(join(folder, 'token'), 'one\n');
  const access = await kubeconfigAccess(write({}, { tokenFile: 'token' }), quiet);
  expect(access.credentials().token).toBe('one');
  writeFileSync(join(folder, 'token'), 'another');
  await vi.waitFor(async () => {
    await access.refresh();
    expect(access.credentials().token).toBe('another');
  });
  access.close();
});

test.each([
  [{}, { exec: { command: 'aws' } }, /users.exec, auth-provider and username are not supported: run 'kubectl proxy'/],
  [{ 'insecure-skip-tls-verify': true }, {}, /insecure-skip-tls-verify is refused: set certificate-authority/],
  [{ server: 'http://api.example' }, {}, /clusters.server \(http:\/\/api.example\) must be https/],
  [{ server: 'nonsense' }, {}, /clusters.server \(nonsense\) must be a URL/],
  [{ 'certificate-authority': 'none.pem' }, {}, /none.pem/],
  [{ server: 7 }, {}, /clusters.0.cluster.server/],
])('what cannot be honoured is refused by its field: %j %j', async (cluster, user, message) => {
  await expect(kubeconfigAccess(write(cluster, user), quiet)).rejects.toThrow(message);
});

test('a context, cluster or file that is not there is named', async () => {
  await expect(kubeconfigAccess(write({}, {}), { ...quiet, context: 'two' })).rejects.toThrow("no context 'two'");
  await expect(kubeconfigAccess(write({}, {}, { clusters: null }), quiet)).rejects.toThrow("no cluster 'c'");
  await expect(kubeconfigAccess(write({}, {}, { 'current-context': '' }), quiet)).rejects.toThrow('current-context');
  await expect(kubeconfigAccess(join(folder, 'none'), quiet)).rejects.toThrow(/none: ENOENT/);
});

test('plain HTTP is for loopback addresses, as kubectl proxy serves it', async () => {
  const access = await kubeconfigAccess(write({ server: 'http://127.0.0.1:8001' }, {}), quiet);
  expect(access.url.host).toBe('127.0.0.1:8001');
});
