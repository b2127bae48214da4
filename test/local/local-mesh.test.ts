import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../cli/testing/run.ts';

const tulle = join(import.meta.dirname, '../../bin/tulle');
const folder = mkdtempSync(join(tmpdir(), 'tulle-local-mesh-'));
const manifests = join(folder, 'dist');
const state = join(folder, 'state');

/** Answers with its name, and holds the pid that it has. */
const app = `
const { createServer } = require('node:http');
createServer((request, response) => response.end(JSON.stringify({ name: process.env.NAME, pid: process.pid })))
  .listen(8080, process.env.POD_IP);
`;

const deployment = (name: string, annotations: Record<string, string>) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'shop' },
  spec: {
    template: {
      metadata: { labels: { app: name }, annotations },
      spec: {
        serviceAccountName: name,
        containers: [
          {
            name,
            command: ['node', '-e', app],
            env: [
              { name: 'NAME', value: name },
              { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            ],
            ports: [{ containerPort: 8080 }],
          },
        ],
      },
    },
  },
});
const service = (selected: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'shop', namespace: 'shop' },
  spec: { selector: { app: selected }, ports: [{ port: 80, targetPort: 8080 }] },
});
const meshed = { 'tulle.dev/inject': 'enabled' };
const write = (name: string, objects: object[]) =>
  writeFileSync(join(manifests, name), objects.map((object) => JSON.stringify(object)).join('\n---\n'));

let mesh: ChildProcess;
let output = '';
const ips = new Map<string, string>();

beforeAll(async () => {
  mkdirSync(manifests);
  write('workloads.yaml', [
    deployment('blue', meshed),
    deployment('green', meshed),
    deployment('plain', {}),
    deployment('guarded', { ...meshed, 'config.tulle.dev/default-inbound-policy': 'all-authenticated' }),
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'imageless', namespace: 'shop' } },
  ]);
  write('service.yaml', [service('blue')]);
  write('guarded-service.yaml', [
    { ...service('guarded'), metadata: { name: 'guarded', namespace: 'shop' } },
    { ...service('plain'), metadata: { name: 'plain', namespace: 'shop' } },
  ]);
  mesh = spawn(tulle, ['local', manifests, '--state', state], { stdio: ['ignore', 'pipe', 'pipe'] });
  const take = (chunk: Buffer) => {
    output += chunk.toString();
  };
  mesh.stdout!.on('data', take);
  mesh.stderr!.on('data', take);
  await vi.waitFor(() => expect(output).toContain('all pods are ready'), { timeout: 45_000, interval: 100 });
  for (const [, name, ip] of output.matchAll(/shop\/(\w+)-0 is ready at (\S+)/g)) ips.set(name, ip);
}, 50_000);

afterAll(async () => {
  if (mesh.exitCode === null && mesh.signalCode === null) {
    mesh.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true });
});

interface Answer {
  status: number | undefined;
  body: string;
}

function ask(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent: false, timeout: 5000, ...options }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer within 5 s')));
    asked.on('error', reject);
    asked.end();
  });
}

/** What the application of a pod gets when it calls by http_proxy. */
const call = (from: string, url: string): Promise<Answer> =>
  ask({
    host: ips.get(from),
    port: 4140,
    localAddress: ips.get(from),
    path: url,
    headers: { host: new URL(url).host },
  });
const called = async (from: string, url: string) => JSON.parse((await call(from, url)).body).name;
const metrics = async (pod: string) => (await ask({ host: ips.get(pod), port: 4191, path: '/metrics' })).body;

it('what cannot be run is told with object and field, and the rest runs', () => {
  expect(output).toContain('warning: shop/deployment/imageless: spec.template: must be the template of a pod');
  expect(ips.size).toBe(4);
});

it('a call by the name of a Service goes through both sidecars, with mutual TLS', async () => {
  expect(await called('green', 'http://shop.shop/')).toBe('blue');
  const text = await metrics('blue');
  const line = text.split('\n').find((one) => one.startsWith('request_total{direction="inbound"'));
  expect(line).toContain('tls="true",client_id="green.shop.serviceaccount.identity.tulle.cluster.local"');
});

it('short names are those of the own namespace; a pod outside the mesh is called in plaintext', async () => {
  expect(await called('green', 'http://shop/')).toBe('blue');
  expect(await called('green', 'http://plain.shop.svc.cluster.local/')).toBe('plain');
  const line = (await metrics('green')).split('\n').find((one) => /^request_total.*dst_deployment="plain"/.test(one));
  expect(line).toContain('tls="no_identity"');
});

it('a policy that wants identities lets the mesh in, and nobody else', async () => {
  expect((await call('green', 'http://guarded.shop/')).status).toBe(200);
  const stranger = await ask({ host: ips.get('guarded'), port: 4143, headers: { host: 'guarded.shop' } });
  expect(stranger.status).toBe(403);
});

it('a name that is nowhere is told as a failure of the proxy, within seconds', async () => {
  expect((await call('green', 'http://nowhere.shop/')).status).toBe(504);
});

it('an edited Service takes effect within a second', async () => {
  expect(await called('guarded', 'http://shop.shop/')).toBe('blue');
  write('service.yaml', [service('green')]);
  await vi.waitFor(async () => expect(await called('guarded', 'http://shop.shop/')).toBe('green'), { timeout: 2000 });
  write('service.yaml', [service('blue')]);
  await vi.waitFor(async () => expect(await called('guarded', 'http://shop.shop/')).toBe('blue'), { timeout: 2000 });
});

it('a Service that comes while it is called already is found by those calls', async () => {
  const late = call('green', 'http://late.shop/');
  const [destination] = /(?<=tulle-destination-0 is ready at )\S+/.exec(output)!;
  const asked = async () => (await ask({ host: destination, port: 9996, path: '/metrics' })).body;
  await vi.waitFor(async () => expect(await asked()).toContain('profile="late.shop.'));
  write('late.yaml', [{ ...service('blue'), metadata: { name: 'late', namespace: 'shop' } }]);
  expect((await late).body).toContain('"name":"blue"');
});

it('a process that dies is told of and started again, and calls reach it again', async () => {
  const { name, pid } = JSON.parse((await call('green', 'http://shop.shop/')).body);
  process.kill(pid, 'SIGKILL');
  await vi.waitFor(() => expect(output).toContain(`${name}-0/${name} (pid ${pid}) ended (signal SIGKILL)`), {
    timeout: 3000,
  });
  await vi.waitFor(async () => expect(JSON.parse((await call('green', 'http://shop.shop/')).body).pid).not.toBe(pid), {
    timeout: 10_000,
    interval: 200,
  });
});

/** What a command of the command line prints about this mesh. */
const tell = async (...args: string[]): Promise<string> => (await run([...args, '--state', state])).out;

it('stat shows the workloads of the mesh, those outside it as 0/1', async () => {
  const table = await tell('stat', '-n', 'shop', 'deploy', '-t', '1s');
  expect(table).toMatch(/^NAME +MESHED +SUCCESS +RPS/);
  expect(table).toMatch(/^blue +1\/1/m);
  expect(table).toMatch(/^plain +0\/1 +-/m);
});

it('diagnostics looks into it as into a cluster', async () => {
  const [endpoints, outbound, inbound, profile, proxy, components] = await Promise.all([
    tell('diagnostics', 'endpoints', 'shop.shop.svc.cluster.local:80'),
    tell('diagnostics', '-n', 'shop', 'policy', 'svc/shop', '80'),
    tell('diagnostics', '-n', 'shop', 'policy', 'deploy/guarded', '8080'),
    tell('diagnostics', 'profile', 'shop.shop.svc.cluster.local:80'),
    tell('diagnostics', '-n', 'shop', 'proxy-metrics', 'deploy/green'),
    tell('diagnostics', 'controller-metrics'),
  ]);
  expect(endpoints).toContain(`${ips.get('blue')}  8080  blue-0`.replaceAll('  ', '   '));
  expect(outbound).toContain('path: shop.shop.svc.cluster.local:80');
  expect(inbound).toContain('all-authenticated');
  expect(JSON.parse(profile).fullyQualifiedName).toBe('shop.shop.svc.cluster.local');
  expect(proxy).toContain('# pod shop/green-0, container tulle-proxy');
  expect(proxy).toContain('request_total{direction="outbound"');
  expect(components).toContain('# pod tulle/tulle-destination-0');
});

it('list tells its workloads, and identity shows whom each sidecar presents itself as', async () => {
  expect(await tell('list', '-n', 'shop')).toMatch(
    /^deployment\/plain +0\/1 +neither the namespace nor the pod have /m,
  );
  const [green] = JSON.parse(await tell('identity', '-n', 'shop', 'green-0', '-o', 'json'));
  expect(green.names).toEqual([`DNS:${green.identity}`]);
  expect(green.identity).toBe('green.shop.serviceaccount.identity.tulle.cluster.local');
});

it('edges tells who called whom, by which identities, and what was not secured', async () => {
  const edges = JSON.parse(await tell('edges', '-n', 'shop', 'deploy', '-o', 'json'));
  const identity = (name: string) => `${name}.shop.serviceaccount.identity.tulle.cluster.local`;
  expect(edges).toContainEqual(
    expect.objectContaining({ source: 'green', target: 'blue', secured: true, clientId: identity('green') }),
  );
  const plain = edges.find(({ target }: { target: string }) => target === 'plain');
  expect(plain).toMatchObject({ source: 'green', sourceNamespace: 'shop', secured: false });
  expect(plain.reason).toMatch(/\w+/);
});

it('authz tells what came by the policy that holds and against it, and profile which routes that makes', async () => {
  let over = false;
  const knocking = (async () => {
    while (!over) {
      await call('green', 'http://guarded.shop/');
      await ask({ host: ips.get('guarded'), port: 4143, headers: { host: 'guarded.shop' } });
    }
  })();
  const [told, tapped, inbound, outbound, services] = await Promise.all([
    tell('authz', '-n', 'shop', 'deploy/guarded', '-t', '1s', '-o', 'json'),
    tell('profile', '-n', 'shop', 'guarded', '--tap', 'deploy/guarded', '--tap-duration', '1s'),
    tell('stat-inbound', '-n', 'shop', 'deploy/guarded', '-t', '1s', '-o', 'json'),
    tell('stat-outbound', '-n', 'shop', 'deploy/green', '-t', '1s', '-o', 'json'),
    tell('stat', '-n', 'shop', 'svc/guarded', '--from', 'deploy/green', '-t', '1s', '-o', 'json'),
  ]);
  over = true;
  expect(tapped).toContain('name: GET /');
  await knocking;
  const [row] = JSON.parse(told);
  expect(row).toMatchObject({ port: 8080, server: 'default all-authenticated', success: 1 });
  expect(row.rps).toBeGreaterThan(0);
  expect(row.unauthorizedRps).toBeGreaterThan(0);
  expect(JSON.parse(inbound)).toContainEqual(
    expect.objectContaining({ name: 'guarded', server: 'all-authenticated:8080', rps: expect.any(Number), success: 1 }),
  );
  const [service] = JSON.parse(services);
  expect(service).toMatchObject({ name: 'guarded', meshed: { pods: 1, of: 1 }, success: 1, rps: expect.any(Number) });
  const sent = { name: 'green', service: 'guarded:80', serviceNamespace: 'shop', rps: expect.any(Number), success: 1 };
  expect(JSON.parse(outbound)).toContainEqual(
    expect.objectContaining({ ...sent, backend: '', timeouts: 0, retries: 0 }),
  );
  expect(JSON.parse(outbound)).toContainEqual(expect.objectContaining({ ...sent, backend: 'guarded:80' }));
});

it('no key and no token is in a log', () => {
  const logs = readdirSync(join(state, 'logs')).map((name) => readFileSync(join(state, 'logs', name), 'utf8'));
  expect(logs.join('')).not.toMatch(/PRIVATE KEY|eyJhbGciOi/);
});

it('certificates are issued before there is any policy, for which a certificate is needed', () => {
  const log = readFileSync(join(state, 'logs', 'tulle.tulle-identity-0.tulle-proxy.log'), 'utf8');
  const ofCertificates = log.split('\n').filter((line) => line.includes('port=8080'));
  expect(ofCertificates[0]).toMatch(/its default holds port=8080 within=250 ms default=all-unauthenticated/);
  expect(ofCertificates.at(-1)).toContain('the control plane has spoken of a port: its default holds no more');
});

it('Ctrl-C stops everything, and leaves nothing behind but logs', async () => {
  const { pid } = JSON.parse((await call('green', 'http://shop.shop/')).body);
  mesh.kill('SIGINT');
  const code = await new Promise((resolve) => mesh.on('exit', resolve));
  expect(code).toBe(0);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  for (const ip of ips.values()) {
    await expect(ask({ host: ip, port: 4191, path: '/ready' })).rejects.toThrow('ECONNREFUSED');
  }
}, 20_000);
