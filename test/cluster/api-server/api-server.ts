import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesClient } from '../../../control-plane/kubernetes/client.ts';
import { kubeconfigAccess } from '../../../control-plane/kubernetes/kubeconfig.ts';
import { clusterBinaries, noClusterBinaries } from './binaries.ts';
import { type TestCertificate, testCertificate } from './certificates.ts';
import { ProcessGroup } from './process-group.ts';

export interface ApiServerOptions {
  /** More flags of kube-apiserver; a later one wins over the ones that are given here. */
  readonly flags?: readonly string[];
}

/** A real Kubernetes API server with its own etcd, on 127.0.0.1, without nodes and controllers. */
export interface TestApiServer {
  readonly url: URL;
  readonly port: number;
  readonly etcdUrl: string;
  /** A file with everything a cluster administrator needs. */
  readonly kubeconfig: string;
  /** The authority's PEM. */
  readonly ca: string;
  /** A folder that goes with the server. */
  readonly folder: string;
  /** As administrator. The caller closes it, or leaves it to `stop`. */
  readonly client: KubernetesClient;
  /** Runs kubectl as administrator and gives what it prints; rejects with what it says. `input` is its stdin. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** A kubeconfig file for another address of the server, such as a proxy's, or another user. */
  kubeconfigFor(options: { server?: string; token?: string }): string;
  /** Makes a service account if there is none, and a token for it. */
  token(namespace: string, serviceAccount: string): Promise<string>;
  /** Ends the API server's process; `start` begins another on the same port and the same etcd. */
  halt(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  /** Makes etcd forget every revision before the present one. */
  compact(): Promise<void>;
  stop(): Promise<void>;
}

/** Undefined, or why tests that need an API server cannot run on this machine. */
export const apiServerMissing: string | undefined = clusterBinaries() === undefined ? noClusterBinaries : undefined;

const readyWithinMs = 90_000;

/** Starts etcd and an API server; takes some seconds. Rejects with the end of its log when it does not come up. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<TestApiServer> {
  const bin = clusterBinaries();
  if (bin === undefined) throw new Error(noClusterBinaries);
  const folder = mkdtempSync(join(tmpdir(), 'tulle-api-server-'));
  const file = (name: string, text?: string): string => {
    if (text !== undefined) writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const authority = await testCertificate('CN=cluster-ca');
  const pki = await writeCertificates(authority, file);
  const [etcdPort, peerPort, port] = await freePorts(3);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const url = new URL(`https://127.0.0.1:${port}`);
  const processes = new ProcessGroup(folder);
  const kubeconfigFor: TestApiServer['kubeconfigFor'] = ({ server = url.origin, token }) =>
    file(
      `kubeconfig-${crypto.randomUUID()}`,
      kubeconfigText(server, authority.cert, token === undefined ? pki.admin : { token }),
    );
  const kubeconfig = kubeconfigFor({});
  const client = new KubernetesClient(await kubeconfigAccess(kubeconfig, { onProblem: () => {} }));

  const start = async (): Promise<void> => {
    processes.run(join(bin, 'kube-apiserver'), [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      // Pods can be made in namespaces that no controller has given service accounts.
      '--disable-admission-plugins=ServiceAccount',
      `--tls-cert-file=${pki.serverCert}`,
      `--tls-private-key-file=${pki.serverKey}`,
      `--client-ca-file=${pki.ca}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${pki.accountCert}`,
      `--service-account-signing-key-file=${pki.accountKey}`,
      '--shutdown-delay-duration=0s',
      ...(options.flags ?? []),
    ]);
    await processes.until(readyWithinMs, async () => {
      (await client.stream('/readyz', {}, AbortSignal.timeout(5000))).destroy();
      await client.get('/api/v1/namespaces/default');
    });
  };
  const stop = async (): Promise<void> => {
    client.close();
    await processes.endAll();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    processes.run(join(bin, 'etcd'), etcdFlags(folder, etcdUrl, `http://127.0.0.1:${peerPort}`));
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    port,
    etcdUrl,
    kubeconfig,
    ca: authority.cert,
    folder,
    client,
    kubectl: (args, input) => run(join(bin, 'kubectl'), [`--kubeconfig=${kubeconfig}`, ...args], folder, input),
    kubeconfigFor,
    async token(namespace, serviceAccount) {
      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      await client.create(accounts, { metadata: { name: serviceAccount } }).catch((error: { status: number }) => {
        if (error.status !== 409) throw error;
      });
      const request = await client.create<{ status: { token: string } }>(`${accounts}/${serviceAccount}/token`, {
        spec: { expirationSeconds: 600 },
      });
      return request.status.token;
    },
    halt: (signal = 'SIGTERM') => processes.end('kube-apiserver', signal),
    start,
    compact: () => compact(etcdUrl),
    stop,
  };
}

async function writeCertificates(authority: TestCertificate, file: (name: string, text?: string) => string) {
  const server = await testCertificate('CN=kube-apiserver', authority, [
    { type: 'ip', value: '127.0.0.1' },
    { type: 'dns', value: 'localhost' },
  ]);
  const admin = await testCertificate('O=system:masters, CN=admin', authority);
  const accounts = await testCertificate('CN=service-accounts');
  return {
    ca: file('ca.crt', authority.cert),
    serverCert: file('server.crt', server.cert),
    serverKey: file('server.key', server.key),
    accountKey: file('accounts.key', accounts.key),
    accountCert: file('accounts.crt', accounts.cert),
    admin,
  };
}

function etcdFlags(folder: string, clientUrl: string, peerUrl: string): string[] {
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ];
}

function kubeconfigText(server: string, ca: string, user: { token: string } | TestCertificate): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: 'test',
        user:
          'token' in user
            ? user
            : { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) },
      },
    ],
  });
}

/** etcd's JSON gateway: the revision of now, then a compaction up to it. */
async function compact(etcdUrl: string): Promise<void> {
  const post = async (path: string, body: unknown): Promise<{ header: { revision: string } }> => {
    const response = await fetch(`${etcdUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { header: { revision: string } };
  };
  const { header } = await post('/v3/kv/range', { key: 'AA==' });
  await post('/v3/kv/compaction', { revision: header.revision, physical: true });
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
      return address.port;
    }),
  );
}

/** `home` is where kubectl keeps its cache. */
function run(program: string, args: readonly string[], home: string, input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { timeout: 120_000, maxBuffer: 64 * 1024 * 1024, env: { PATH: process.env['PATH'], HOME: home, NO_PROXY: '*' } },
      (error, stdout, stderr) =>
        error ? reject(new Error(`${args.join(' ')}: ${stderr || error.message}`)) : resolve(stdout),
    );
    child.stdin?.end(input);
  });
}
