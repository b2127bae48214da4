/**
 * Two pods for transparent.test.ts: a client and a server, each with its sidecar and with the rules that the init
 * container of its injected pod writes. See pod-network.ts for what it needs:
 *
 *     unshare -n node transparent-world.ts FOLDER
 *
 * Prints what the client saw as one line of JSON.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { injectConfig, injectPod, type PodTemplate } from '../../lib/inject/index.ts';
import { resolveEnv } from '../../local/container-env.ts';
import { makeCredentials } from '../../local/credentials.ts';
import { answers } from '../../local/probe.ts';
import { PodNetwork, startRouter } from './pod-network.ts';

const root = join(import.meta.dirname, '../..');
const bun = join(root, 'node_modules/.bin/bun');
const folder = process.argv[2];
const service = { v4: '10.96.0.10', v6: 'fd00:96::10' };
const outside = '10.3.0.1';
const proxyUid = 2102;
type Name = 'client' | 'server';
const addresses = { client: { v4: '10.1.0.1', v6: 'fd00:1::1' }, server: { v4: '10.2.0.1', v6: 'fd00:2::1' } };
const children: ChildProcess[] = [];

startRouter(outside);
const pods = {
  client: new PodNetwork('client', addresses.client),
  server: new PodNetwork('server', addresses.server),
};

/** As the kubelet would, with the arguments that the injector wrote. */
function runInitContainer(name: Name): void {
  const container = injected(name).spec?.initContainers?.find((each) => each.name === 'tulle-init');
  const [file, ...rest] = pods[name].inside([bun, join(root, 'proxy/main.ts'), ...(container?.args ?? [])]);
  writeFileSync(join(folder, `${name}-init.log`), execFileSync(file, rest));
}

function start(log: string, command: string[], env: Record<string, string> = {}): ChildProcess {
  const out = openSync(join(folder, `${log}.log`), 'a');
  const child = spawn(command[0], command.slice(1), {
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    stdio: ['ignore', out, out],
  });
  children.push(child);
  return child;
}

const injected = (name: string): PodTemplate =>
  injectPod(
    {
      metadata: {
        namespace: 'test',
        annotations: { 'tulle.dev/inject': 'enabled', 'config.tulle.dev/opaque-ports': '2525' },
      },
      spec: {
        serviceAccountName: name,
        containers: [{ name, ports: [{ containerPort: 8080 }, { containerPort: 2525 }] }],
      },
    },
    injectConfig({
      ipv6: true,
      controlPlane: { identity: 'localhost:9080', destination: 'localhost:8086', policy: 'localhost:8090' },
    }),
  ).pod;

function objects(): object[] {
  const pod = (name: Name) => {
    const { metadata, spec } = injected(name);
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name },
      spec,
      status: {
        phase: 'Running',
        podIP: addresses[name].v4,
        podIPs: [{ ip: addresses[name].v4 }, { ip: addresses[name].v6 }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    };
  };
  const slice = (version: 'v4' | 'v6') => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `web-${version}`, namespace: 'test', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: version === 'v4' ? 'IPv4' : 'IPv6',
    ports: [
      { name: 'http', port: 8080 },
      { name: 'mail', port: 2525 },
    ],
    endpoints: [
      {
        addresses: [addresses.server[version]],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: 'server', namespace: 'test' },
      },
    ],
  });
  return [
    pod('client'),
    pod('server'),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'test', annotations: { 'config.tulle.dev/opaque-ports': '25' } },
      spec: {
        clusterIP: service.v4,
        clusterIPs: [service.v4, service.v6],
        ports: [
          { name: 'http', port: 80, targetPort: 8080 },
          { name: 'mail', port: 25, targetPort: 2525 },
        ],
      },
    },
    slice('v4'),
    slice('v6'),
  ];
}

async function startMesh(): Promise<void> {
  const credentials = await makeCredentials(folder, 'cluster.local', 'tulle', Date.now());
  const source = join(folder, 'objects');
  mkdirSync(source);
  writeFileSync(join(source, 'objects.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects() }));
  const component = [process.execPath, join(root, 'control-plane/main.ts')];
  for (const name of ['client', 'server'] as const) {
    const pod = pods[name];
    // Each pod has a control plane of its own, on loopback, where it needs no identity.
    start(
      'identity',
      pod.inside([
        ...[...component, 'identity', '--addr', '127.0.0.1:9080', '--admin-addr', '127.0.0.1:9990'],
        ...['--jwks-file', credentials.keySetFile, '--trust-anchors-file', credentials.trustAnchorsFile],
        ...['--issuer-cert-file', credentials.issuerCertificateFile, '--issuer-key-file', credentials.issuerKeyFile],
      ]),
    );
    start(
      'destination',
      pod.inside([
        ...[...component, 'destination', '--addr', '127.0.0.1:8086', '--policy-addr', '127.0.0.1:8090'],
        ...['--admin-addr', '127.0.0.1:9996', '--source', `file:${source}`],
      ]),
    );
  }
  // Both are on loopback, where a sidecar is ready without waiting for its policies: so they come first.
  await until('the control planes have started', () => starts('destination') === 2 && starts('identity') === 2);
  for (const name of ['client', 'server'] as const) {
    const { metadata, spec } = injected(name);
    const sidecar = spec?.initContainers?.find((container) => container.name === 'tulle-proxy');
    const token = join(folder, `${name}.token`);
    writeFileSync(token, credentials.token('test', name, Date.now()));
    chmodSync(token, 0o644);
    const facts = {
      configMaps: new Map([['test/tulle-identity-trust-roots', { 'ca-bundle.crt': credentials.trustAnchors }]]),
      secrets: new Map(),
      pod: {
        ...{ name, namespace: 'test', uid: name, nodeName: 'node', serviceAccountName: name, ip: addresses[name].v4 },
        ...{ labels: metadata?.labels ?? {}, annotations: metadata?.annotations ?? {} },
      },
    };
    const env = resolveEnv(sidecar?.env ?? [], facts, { object: name, field: '' }, []);
    env['LINKERD2_PROXY_INBOUND_IPS'] = `${addresses[name].v4},${addresses[name].v6}`;
    env['LINKERD2_PROXY_IDENTITY_TOKEN_FILE'] = token;
    start(`${name}-proxy`, pods[name].inside([bun, join(root, 'proxy/main.ts')], proxyUid), env);
  }
  await until('the sidecars are ready and let their metrics be read', async () => {
    const hosts = [addresses.client.v4, addresses.server.v4];
    const asked = hosts.flatMap((host) => ['/ready', '/metrics'].map((path) => answers(host, 4191, path)));
    return (await Promise.all(asked)).every(Boolean);
  });
}

/** How many of the components that write this log have started. */
const starts = (log: string): number =>
  readFileSync(join(folder, `${log}.log`), 'utf8').split('"msg":"started"').length - 1;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return;
    await sleep(100);
  }
  throw new Error(`not within 20 s: ${what}; see ${folder}`);
}

const app = (...args: string[]): string[] => [
  process.execPath,
  join(import.meta.dirname, 'transparent-app.ts'),
  ...args,
];
const metrics = async (name: Name): Promise<string> =>
  (await fetch(`http://${addresses[name].v4}:4191/metrics`)).text();

try {
  for (const name of ['client', 'server'] as const) runInitContainer(name);
  start('server', pods.server.inside(app('serve', '8080', '2525')));
  start('outside', app('serve', '8080'));
  await startMesh();
  const [file, ...args] = pods.client.inside(
    app('visit', JSON.stringify({ service, pod: addresses.server.v4, outside })),
  );
  const seen = JSON.parse(execFileSync(file, args, { encoding: 'utf8', timeout: 30_000 }));
  const own = Object.values(service).map((address) => {
    const [file, ...args] = pods.server.inside(app('call', address, '80'));
    return JSON.parse(execFileSync(file, args, { encoding: 'utf8', timeout: 30_000 }));
  });
  const counted = { clientMetrics: await metrics('client'), serverMetrics: await metrics('server') };
  // Not by the stream: the process ends before a pipe has taken all of it.
  writeFileSync(1, `${JSON.stringify({ ...seen, own, ...counted })}\n`);
} finally {
  for (const child of children) child.kill('SIGKILL');
  for (const pod of Object.values(pods)) pod.stop();
}
process.exit(0);
