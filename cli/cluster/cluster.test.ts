import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import type { Terminal } from '../terminal.ts';
import { type ClusterOptions, connectCluster, explain, withCluster } from './cluster.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

function kubeconfig(name: string, config: object): string {
  const context = { cluster: name, user: name, namespace: `ns-of-${name}` };
  return file(
    name,
    stringify({
      'current-context': name,
      contexts: [{ name, context }],
      clusters: [{ name, cluster: { server: `https://${name}.example` } }],
      users: [{ name, user: {} }],
      ...config,
    }),
  );
}

const terminal = (environment: Record<string, string> = {}): Terminal => ({
  input: async () => Buffer.alloc(0),
  out: () => {},
  err: () => {},
  cwd: folder,
  environment: { PATH: process.env['PATH'] ?? '', ...environment },
  onStop: () => {},
});

const connect = async (options: ClusterOptions, environment: Record<string, string> = {}) => {
  const cluster = await connectCluster(options, terminal(environment));
  cluster.client.close();
  return cluster;
};

describe('the cluster that is meant', () => {
  it('is that of --kubeconfig, before that of KUBECONFIG', async () => {
    const one = kubeconfig('one', {});
    const two = kubeconfig('two', {});
    const cluster = await connect({ kubeconfig: 'one' }, { KUBECONFIG: two });
    expect(cluster.title).toBe(`context 'one' (https://one.example) of ${one}`);
    expect(cluster.namespace).toBe('ns-of-one');
    expect((await connect({ namespace: 'shop' }, { KUBECONFIG: two })).namespace).toBe('shop');
  });

  it('is found in several files: the first names the context, files that are not there are passed over', async () => {
    const list = [join(folder, 'none'), kubeconfig('one', {}), kubeconfig('two', {})].join(':');
    expect((await connect({}, { KUBECONFIG: list })).title).toContain("context 'one'");
    expect((await connect({ context: 'two' }, { KUBECONFIG: list })).title).toContain('https://two.example');
    await expect(connect({ context: 'three' }, { KUBECONFIG: list })).rejects.toThrow("there is no context 'three'");
  });

  it('without any, the message says where one can be named', async () => {
    await expect(connect({}, { HOME: folder })).rejects.toThrow(/no cluster is known: name a kubeconfig file with/);
    await expect(connect({}, { KUBECONFIG: join(folder, 'none') })).rejects.toThrow(/none: ENOENT/);
  });

  it('is not reached by a proxy that is none, or a login that nobody has', async () => {
    const cluster = { server: 'https://one.example', 'proxy-url': 'proxy:8080' };
    const one = kubeconfig('one', { clusters: [{ name: 'one', cluster }] });
    await expect(connect({ kubeconfig: one })).rejects.toThrow(
      `no way to a cluster: ${one}: clusters.proxy-url (proxy:8080) must be a URL of http, https or socks5`,
    );
    const user = { 'auth-provider': { name: 'gcp', config: {} } };
    kubeconfig('one', { users: [{ name: 'one', user }] });
    await expect(connect({ kubeconfig: one })).rejects.toThrow(
      `${one}: users.auth-provider.name (gcp) must be oidc: kubectl has no others any more, name a plugin in users.exec`,
    );
  });

  it('takes any certificate when the user’s kubeconfig says so', async () => {
    const cluster = { server: 'https://one.example', 'insecure-skip-tls-verify': true };
    kubeconfig('one', { clusters: [{ name: 'one', cluster }] });
    expect((await connect({ kubeconfig: 'one' })).access.insecure).toBe(true);
  });

  it('is asked as another user and group', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    kubeconfig('one', { clusters: [{ name: 'one', cluster: { server: address } }] });
    const options = { kubeconfig: 'one', as: 'ann', asGroup: ['dev', 'ops'] };
    await withCluster(options, terminal(), ({ client }) => client.get('/version'));
    server.close();
    expect(seen[0]).toMatchObject({ 'impersonate-user': 'ann', 'impersonate-group': 'dev, ops' });
    await expect(connect({ kubeconfig: 'one', asGroup: ['dev'] })).rejects.toThrow('--as-group needs --as');
  });

  it('that does not answer is named, with what to do', async () => {
    kubeconfig('one', { clusters: [{ name: 'one', cluster: { server: 'http://127.0.0.1:1' } }] });
    const asked = withCluster({ kubeconfig: 'one' }, terminal(), ({ client }) => client.get('/version'));
    await expect(asked).rejects.toThrow(
      /^context 'one' \(http:\/\/127.0.0.1:1\) of .*: GET \/version: .*ECONNREFUSED.* \(is the cluster up\? --context/,
    );
  });
});

it.each(['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'])(
  'who shows a certificate that is not taken (%s) is up, and another than the kubeconfig names',
  (code) => {
    const cause = Object.assign(new Error('x'), { code });
    expect(explain(new ApiError(0, '', 'GET /version: x', { cause }), { title: 'there' })).toBe(
      'there: GET /version: x (what answers is not whom the kubeconfig trusts: fetch that anew, or choose another with --context)',
    );
  },
);

describe('a credential plugin', () => {
  const apiVersion = 'client.authentication.k8s.io/v1';

  /** A kubeconfig whose user runs a script beside it. */
  function withPlugin(script: string, exec: object = {}): string {
    chmodSync(file('plugin.sh', `#!/bin/sh\n${script}\n`), 0o755);
    const user = { exec: { apiVersion, command: './plugin.sh', interactiveMode: 'IfAvailable', ...exec } };
    return kubeconfig('one', { users: [{ name: 'one', user }] });
  }

  it('gives a token, and is told of the cluster', async () => {
    const config = withPlugin(
      `echo "$KUBERNETES_EXEC_INFO" > '${join(folder, 'info')}'
       echo '{"apiVersion":"${apiVersion}","status":{"token":"'"$1-$EXTRA"'"}}'`,
      { args: ['a'], env: [{ name: 'EXTRA', value: 'b' }], provideClusterInfo: true },
    );
    const { access } = await connect({ kubeconfig: config });
    expect(access.credentials().authorization).toBe('Bearer a-b');
    const { readFileSync } = await import('node:fs');
    expect(JSON.parse(readFileSync(join(folder, 'info'), 'utf8'))).toEqual({
      apiVersion,
      kind: 'ExecCredential',
      spec: {
        interactive: false,
        cluster: { server: 'https://one.example', 'insecure-skip-tls-verify': false },
      },
    });
  });

  it('is asked again when its credentials are refused', async () => {
    const count = file('count', '');
    const config = withPlugin(
      `echo x >> '${count}'
       echo '{"apiVersion":"${apiVersion}","status":{"token":"'$(wc -l < '${count}' | tr -d ' ')'"}}'`,
    );
    const { access } = await connect({ kubeconfig: config });
    expect(access.credentials().authorization).toBe('Bearer 1');
    await access.refresh();
    expect(access.credentials().authorization).toBe('Bearer 2');
  });

  it.each([
    ['exit 3', {}, './plugin.sh failed (exit code 3): get it from example'],
    ['echo nonsense', {}, './plugin.sh printed no JSON'],
    ['echo {}', {}, './plugin.sh printed no ExecCredential: apiVersion'],
    [`echo '{"apiVersion":"${apiVersion}","status":{}}'`, {}, 'printed neither a token nor a certificate with its key'],
    ['', { command: './none' }, './none cannot be run'],
    ['', { apiVersion: 'x/v0' }, 'users.exec.apiVersion (x/v0) must be one of client.authentication.k8s.io/v1, '],
    ['', { interactiveMode: 'Always' }, './plugin.sh has to ask questions: run this in a terminal'],
    ['', { command: undefined }, 'users.exec.command'],
  ])('that fails is named: %s %j', async (script, exec, message) => {
    const config = withPlugin(script, { installHint: 'get it from example', ...exec });
    await expect(connect({ kubeconfig: config })).rejects.toThrow(message);
  });
});
