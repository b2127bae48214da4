/**
 * A pod network of its own, for transparent.test.ts: a client and a server, each with its sidecar, whose connections
 * iptables redirects as in a cluster. Needs root, and must run in a new network namespace, which has no way out:
 *
 *     unshare -n node transparent-world.ts FOLDER
 *
 * Prints what the client saw as one line of JSON.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { injectConfig, injectPod, type PodTemplate } from '../../lib/inject/index.ts';
import { resolveEnv } from '../../local/container-env.ts';
import { makeCredentials } from '../../local/credentials.ts';
import { answers } from '../../local/probe.ts';

const root = join(import.meta.dirname, '../..');
const folder = process.argv[2];
const service = { v4: '10.96.0.10', v6: 'fd00:96::10' };
const pods = { client: { v4: '10.1.0.1', v6: 'fd00:1::1' }, server: { v4: '10.2.0.1', v6: 'fd00:2::1' } };
const outside = '10.3.0.1';
const uids = { client: 2101, server: 2102 };
const children: ChildProcess[] = [];

function network(): void {
  const run = (command: string): void =>
    void execFileSync('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
  run('ip link set lo up');
  for (const { v4, v6 } of [service, pods.client, pods.server]) {
    run(`ip addr add ${v4}/32 dev lo`);
    run(`ip -6 addr add ${v6}/128 dev lo nodad`);
  }
  run(`ip addr add ${outside}/32 dev lo`);
  for (const [program, version] of [
    ['iptables', 'v4'],
    ['ip6tables', 'v6'],
  ] as const) {
    const rule = `${program} -t nat -A OUTPUT -p tcp`;
    // What the client's sidecar sends to the server's pod meets the server's sidecar, which sends on to the server.
    run(`${rule} -m owner --uid-owner ${uids.client} -d ${pods.server[version]} -j REDIRECT --to-ports 4143`);
    for (const uid of Object.values(uids)) run(`${rule} -m owner --uid-owner ${uid} -j RETURN`);
    for (const ip of [service[version], pods.server[version], ...(version === 'v4' ? [outside] : [])]) {
      run(`${rule} -d ${ip} -j REDIRECT --to-ports 4140`);
    }
  }
}

function start(name: string, command: string[], options: { uid?: number; env?: Record<string, string> } = {}): void {
  const log = openSync(join(folder, `${name}.log`), 'a');
  const { uid, env } = options;
  children.push(
    spawn(command[0], command.slice(1), {
      uid,
      gid: uid,
      env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
      stdio: ['ignore', log, log],
    }),
  );
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
      controlPlane: { identity: 'localhost:8080', destination: 'localhost:8086', policy: 'localhost:8090' },
    }),
  ).pod;

function objects(): object[] {
  const pod = (name: 'client' | 'server') => {
    const { metadata, spec } = injected(name);
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name },
      spec,
      status: {
        phase: 'Running',
        podIP: pods[name].v4,
        podIPs: [{ ip: pods[name].v4 }, { ip: pods[name].v6 }],
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
        addresses: [pods.server[version]],
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
  const component = ['node', join(root, 'control-plane/main.ts')];
  start('identity', [
    ...component,
    'identity',
    ...['--addr', '127.0.0.1:8080', '--admin-addr', '127.0.0.1:9990', '--jwks-file', credentials.keySetFile],
    ...['--trust-anchors-file', credentials.trustAnchorsFile],
    ...['--issuer-cert-file', credentials.issuerCertificateFile, '--issuer-key-file', credentials.issuerKeyFile],
  ]);
  start('destination', [
    ...component,
    'destination',
    ...['--addr', '127.0.0.1:8086', '--policy-addr', '127.0.0.1:8090', '--admin-addr', '127.0.0.1:9996'],
    ...['--source', `file:${source}`],
  ]);
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
        ...{ name, namespace: 'test', uid: name, ip: pods[name].v4, nodeName: 'node', serviceAccountName: name },
        ...{ labels: metadata?.labels ?? {}, annotations: metadata?.annotations ?? {} },
      },
    };
    const env = resolveEnv(sidecar?.env ?? [], facts, { object: name, field: '' }, []);
    // Both share one network here, which two pods never do: each listens where it is met, and nowhere else.
    const listens: Record<string, string> =
      name === 'client'
        ? { ADMIN: '127.0.0.1:4191', INBOUND: '127.0.0.1:5143', OUTBOUND: '127.0.0.1:4140,[::1]:4140' }
        : { ADMIN: '127.0.0.1:4192', INBOUND: '[::]:4143', OUTBOUND: '127.0.0.1:5140' };
    for (const [side, addresses] of Object.entries(listens)) env[`LINKERD2_PROXY_${side}_LISTEN_ADDRS`] = addresses;
    env['LINKERD2_PROXY_INBOUND_IPS'] = `${pods[name].v4},${pods[name].v6}`;
    env['LINKERD2_PROXY_IDENTITY_TOKEN_FILE'] = token;
    start(`${name}-proxy`, [join(root, 'node_modules/.bin/bun'), join(root, 'proxy/main.ts')], {
      uid: uids[name],
      env,
    });
  }
  for (let tries = 0; tries < 150; tries++) {
    const ready = await Promise.all([4191, 4192].map((port) => answers('127.0.0.1', port, '/ready')));
    if (ready.every(Boolean)) return;
    await sleep(100);
  }
  throw new Error(`the sidecars are not ready: see ${folder}`);
}

async function serve(): Promise<void> {
  const web = () =>
    createServer((request, response) => response.end(JSON.stringify({ headers: request.headers, url: request.url })));
  const mail = createTcpServer((socket) => {
    socket.write('220 ready\r\n');
    socket.on('error', () => {});
  });
  const listen = (server: ReturnType<typeof createTcpServer>, port: number, host: string): Promise<void> =>
    new Promise((resolve) => server.listen(port, host, resolve));
  await Promise.all([
    listen(web(), 8080, pods.server.v4),
    listen(web(), 8080, pods.server.v6),
    listen(mail, 2525, pods.server.v4),
    listen(web(), 8080, outside),
  ]);
}

interface Seen {
  status?: number;
  headers?: IncomingHttpHeaders;
  error?: string;
}

/** A call as an application makes it that knows of no proxy. */
function call(host: string, port: number): Promise<Seen> {
  return new Promise((resolve) => {
    const asked = get(
      { host, port, path: '/', agent: false, timeout: 8000, headers: { host: 'web.test' } },
      (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            headers: response.statusCode === 200 ? JSON.parse(body).headers : {},
          }),
        );
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', (error) => resolve({ error: error.message }));
  });
}

function greeting(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on('data', (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.on('error', (error) => resolve(error.message));
    socket.setTimeout(8000, () => socket.destroy(new Error('nothing came')));
  });
}

async function metrics(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  return response.text();
}

try {
  network();
  await serve();
  await startMesh();
  const seen = {
    byService: await call(service.v4, 80),
    byServiceOverIpv6: await call(`${service.v6}`, 80),
    byPod: await call(pods.server.v4, 8080),
    outside: await call(outside, 8080),
    opaque: await greeting(service.v4, 25),
    clientMetrics: await metrics(4191),
    serverMetrics: await metrics(4192),
  };
  process.stdout.write(`${JSON.stringify(seen)}\n`);
} finally {
  for (const child of children) child.kill('SIGKILL');
}
process.exit(0);
