/**
 * What @kubernetes/client-node gets wrong for our users, and so is ours (docs/decisions/0019): where one of these fails,
 * they have mended it, and what stands in its place here can go.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { HttpMethod, KubeConfig, PortForward, RequestContext } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { stringify } from 'yaml';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-client-node-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, user: object, server = 'https://one.example'): string {
  const path = join(folder, name);
  const config = {
    'current-context': 'one',
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(path, stringify(config));
  return path;
}

function load(user: object): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(write('config', user));
  return config;
}

async function headersOf(config: KubeConfig): Promise<Record<string, string>> {
  const request = new RequestContext('https://one.example', HttpMethod.GET);
  await config.applySecurityAuthentication(request);
  return request.getHeaders();
}

it('a name that stands in two files is an error, where kubectl takes the first (kubernetes-client/javascript#1306)', () => {
  const one = new KubeConfig();
  one.loadFromFile(write('one', { token: '1' }));
  const two = new KubeConfig();
  two.loadFromFile(write('two', { token: '2' }));
  expect(() => one.mergeConfig(two)).toThrow('Duplicate cluster: c');
});

it('a field of the wrong type is told without file and name', () => {
  expect(() => new KubeConfig().loadFromFile(write('config', {}, 7 as never))).toThrow(
    'elt.cluster.server.replace is not a function',
  );
});

it('tokenFile is not read', async () => {
  writeFileSync(join(folder, 'token'), 'secret');
  expect(await headersOf(load({ tokenFile: join(folder, 'token') }))).not.toHaveProperty('Authorization');
});

it('a CA that stands in the file does not count before one that is named', async () => {
  const config = new KubeConfig();
  const cluster = { name: 'c', server: 'https://one.example', skipTLSVerify: false, caData: 'Q0E=', caFile: '/none' };
  config.loadFromClusterAndUser(cluster, { name: 'u' });
  await expect(headersOf(config)).rejects.toThrow("ENOENT: no such file or directory, open '/none'");
});

it('a plugin is not told whether it may ask, and what it says to its user is not shown (#2044)', async () => {
  const seen = join(folder, 'seen');
  const plugin = join(folder, 'plugin.sh');
  const script = `#!/bin/sh\necho "open https://login.example" >&2\nprintf '%s' "$KUBERNETES_EXEC_INFO" > '${seen}'\necho '{"status":{"token":"t"}}'\n`;
  writeFileSync(plugin, script);
  chmodSync(plugin, 0o755);
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'IfAvailable' };
  expect(await headersOf(load({ exec }))).toEqual({ Authorization: 'Bearer t' });
  expect(existsSync(seen) && readFileSync(seen, 'utf8')).toBe('');
  expect(write).not.toHaveBeenCalled();
  write.mockRestore();
});

it('an ID token that has ended is not renewed (#2202)', async () => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const config = {
    'idp-issuer-url': 'https://id.example',
    'client-id': 'tulle',
    'id-token': `${part({ alg: 'RS256' })}.${part({ exp: 1 })}.c2ln`,
    'refresh-token': 'r',
  };
  await expect(headersOf(load({ 'auth-provider': { name: 'oidc', config } }))).rejects.toThrow(
    '"server" must be an instance of URL',
  );
});

it('a port-forward whose reader is slow holds in memory all that the pod sends', async () => {
  const megabytes = 24;
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });
  const server = createServer().on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (pod) => {
      for (const channel of [0, 1]) pod.send(Buffer.from([channel, 80, 0]));
      for (let sent = 0; sent < megabytes; sent++) pod.send(Buffer.alloc(1024 * 1024));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = new KubeConfig();
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  config.loadFromClusterAndUser({ name: 'c', server: address, skipTLSVerify: true }, { name: 'u' });
  const reader = new Writable({ write: () => {} });
  const forward = new PortForward(config);
  const remote = await forward.portForward('shop', 'web', [80], reader, null, new Readable({ read: () => {} }));
  await vi.waitFor(() => expect(reader.writableLength).toBeGreaterThan((megabytes - 1) * 1024 * 1024), 5000);
  (remote as { close(): void }).close();
  server.closeAllConnections();
  server.close();
});
