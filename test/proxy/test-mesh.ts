import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { explicitPortName } from '../../lib/inject/index.ts';
import { LocalMesh } from '../../local/local-mesh.ts';
import type { LocalPod } from '../../local/local-pod.ts';

export interface Workload {
  readonly name: string;
  /** Ports of the Service of the same name, and of the pod. */
  readonly ports?: readonly number[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Labels of the pods, besides `app`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Path of a liveness probe of the first port. */
  readonly probe?: string;
  /** The Service leads to the sidecar, as in a cluster, where local mode needs no word of it. */
  readonly leadsToSidecar?: boolean;
}

/** Gauges of a sidecar that are 0 when no request is under way. */
export const heldForRequests = [
  'proxy_http_streams_open',
  'proxy_deadlines_armed',
  'outbound_http_requests_in_flight',
  'inbound_http_requests_in_flight',
  'outbound_waiters',
  'inbound_waiters',
  'inbound_token_waiters',
  'inbound_ext_authz_waiters',
];

/**
 * A mesh of real sidecars and a real control plane whose applications are the test's own servers: pods run `sleep`, and
 * the test listens on their addresses.
 */
export class TestMesh {
  private readonly mesh: LocalMesh;
  private readonly folder: string;
  private readonly servers: Server[] = [];
  readonly lines: string[];

  /** `objects` are there from the start, besides the workloads: `apply` replaces them. */
  static async start(workloads: readonly Workload[], objects: readonly object[] = []): Promise<TestMesh> {
    const folder = mkdtempSync(join(tmpdir(), 'tulle-proxy-'));
    const manifests = join(folder, 'dist');
    mkdirSync(manifests);
    writeFileSync(
      join(manifests, 'objects.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: workloads.flatMap(objectsOf) }),
    );
    if (objects.length > 0) {
      writeFileSync(join(manifests, 'more.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    }
    const lines: string[] = [];
    const mesh = await LocalMesh.start({
      manifests,
      stateFolder: join(folder, 'state'),
      cwd: folder,
      environment: process.env,
      report: (line) => lines.push(line),
    });
    return new TestMesh(mesh, folder, lines);
  }

  private constructor(mesh: LocalMesh, folder: string, lines: string[]) {
    this.mesh = mesh;
    this.folder = folder;
    this.lines = lines;
  }

  /** Throws when the pods, whose servers must listen by now, are not ready in time. */
  async ready(): Promise<void> {
    if (await this.mesh.ready(40_000)) return;
    throw new Error(`not ready: ${this.lines.join('; ')}`);
  }

  /** Certificates of all authorities of the mesh, PEM. */
  get trustAnchors(): string {
    return readFileSync(join(this.folder, 'state/credentials/ca-bundle.crt'), 'utf8');
  }

  /** A certificate that proves to be `name`, as the identity component would issue it: key and chain, PEM. */
  issue(name: string): { key: string; cert: string } {
    const credentials = join(this.folder, 'state/credentials');
    const at = (file: string): string => join(this.folder, file);
    const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', ...curve, '-keyout', at('leaf.key'), '-out', at('leaf.csr'), '-subj', `/CN=leaf`);
    writeFileSync(at('leaf.ext'), `subjectAltName=DNS:${name}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    const issuer = ['-CA', join(credentials, 'issuer.crt'), '-CAkey', join(credentials, 'issuer.key')];
    const out = ['-days', '1', '-extfile', at('leaf.ext'), '-out', at('leaf.crt')];
    openssl('x509', '-req', '-in', at('leaf.csr'), ...issuer, ...out);
    const cert = readFileSync(at('leaf.crt'), 'utf8') + readFileSync(join(credentials, 'issuer.crt'), 'utf8');
    return { key: readFileSync(at('leaf.key'), 'utf8'), cert };
  }

  ip(workload: string): string {
    return this.pod(workload).plan.ip;
  }

  podName(workload: string): string {
    return this.pod(workload).plan.name;
  }

  pid(workload: string, container: string): number {
    const found = this.pod(workload).processes.find((process) => process.container === container);
    if (found === undefined) throw new Error(`${workload} has no process ${container}`);
    return found.pid;
  }

  /** Serves a workload's port. */
  serve(workload: string, port: number, server: Server): Promise<void> {
    this.servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.ip(workload), resolve);
    });
  }

  serveTcp(workload: string, port: number, onSocket: (socket: Socket) => void): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      onSocket(socket);
    });
    return this.serve(workload, port, server);
  }

  /** A page of the workload's sidecar's admin server, with its status. */
  admin(workload: string, path: string): Promise<{ status: number | undefined; body: string }> {
    return new Promise((resolve, reject) => {
      const asked = get({ host: this.ip(workload), port: 4191, path, agent: false, timeout: 2000 }, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body }));
      });
      asked.on('timeout', () => asked.destroy(new Error('the admin server did not answer')));
      asked.on('error', reject);
    });
  }

  /** Replaces the objects besides the workloads, such as those of policy. */
  apply(...objects: object[]): void {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    writeFileSync(join(this.folder, 'more'), list);
    // At once, so that nobody reads half of it.
    renameSync(join(this.folder, 'more'), join(this.folder, 'dist', 'more.json'));
  }

  /** Has a workload's Service select the pods of another, or of nobody. */
  select(workload: string, pods: string): void {
    const file = join(this.folder, 'dist', 'objects.json');
    const list = JSON.parse(readFileSync(file, 'utf8')) as { items: { kind: string; metadata: { name: string } }[] };
    const items = list.items.map((item) =>
      item.kind === 'Service' && item.metadata.name === workload
        ? { ...item, spec: { ...(item as { spec?: object }).spec, selector: { app: pods } } }
        : item,
    );
    writeFileSync(join(this.folder, 'objects'), JSON.stringify({ ...list, items }));
    renameSync(join(this.folder, 'objects'), file);
  }

  /** What a container of the workload has written. */
  log(workload: string, container: string): string {
    const { namespace, name } = this.pod(workload).plan;
    return readFileSync(join(this.folder, 'state', 'logs', `${namespace}.${name}.${container}.log`), 'utf8');
  }

  /** The sum of the samples called `name` whose labels hold all of `labels`, such as `tls="true"`. */
  async metric(workload: string, name: string, ...labels: string[]): Promise<number> {
    const { body } = await this.admin(workload, '/metrics');
    return body
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Gives a workload a second Service, with an address of its own within the mesh's network, and returns that. */
  addClusterIp(workload: string, port: number): string {
    const clusterIP = this.ip(workload).replace(/\d+$/, '250');
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `${workload}-cluster-ip`, namespace: 'test' },
      spec: { clusterIP, selector: { app: workload }, ports: [{ name: 'http', port }] },
    };
    writeFileSync(join(this.folder, 'dist', 'cluster-ip.json'), JSON.stringify(service));
    return clusterIP;
  }

  /** Ends the mesh. Fails when a sidecar still holds something for requests of which none is under way any more. */
  async stop(): Promise<void> {
    const left = await this.left();
    await this.mesh.stop();
    for (const server of this.servers) {
      server.close();
      (server as Server & { closeAllConnections?: () => void }).closeAllConnections?.();
    }
    rmSync(this.folder, { recursive: true });
    expect(left).toEqual([]);
  }

  /** What is left at the sidecars when all is over, after a while for it to end. */
  private async left(): Promise<string[]> {
    // As long as an endpoint that cannot be reached is tried in the background after its last use.
    const deadlineMs = Date.now() + 15_000;
    for (;;) {
      const pods = this.mesh.pods.filter(({ plan }) => plan.namespace === 'test');
      const pages = await Promise.all(
        pods.map(async ({ plan: { owner } }) => {
          // One that a test has ended, or stopped, holds nothing.
          const page = await this.admin(owner.name, '/metrics').catch(() => ({ body: '' }));
          return page.body
            .split('\n')
            .filter((line) => heldForRequests.some((name) => line.startsWith(`${name} `)) && !line.endsWith(' 0'))
            .map((line) => `${owner.name}: ${line}`);
        }),
      );
      const left = pages.flat();
      if (left.length === 0 || Date.now() > deadlineMs) return left;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private pod(workload: string): LocalPod {
    const found = this.mesh.pods.find(({ plan }) => plan.owner.name === workload);
    if (found === undefined) throw new Error(`there is no workload ${workload}`);
    return found;
  }
}

/** A port that nothing listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function objectsOf({ name, ports = [], annotations = {}, labels = {}, probe, leadsToSidecar }: Workload): object[] {
  const metadata = { name, namespace: 'test' };
  const container = {
    name,
    command: ['sleep', 'infinity'],
    ports: ports.map((containerPort) => ({ containerPort })),
    ...(probe === undefined ? {} : { livenessProbe: { httpGet: { path: probe, port: ports[0] } } }),
  };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        template: {
          metadata: {
            labels: { app: name, ...labels },
            annotations: { 'tulle.dev/inject': 'enabled', ...annotations },
          },
          spec: { serviceAccountName: name, containers: [container] },
        },
      },
    },
    ...(ports.length === 0
      ? []
      : [
          {
            apiVersion: 'v1',
            kind: 'Service',
            // Clients are told of opaque ports by the Service, servers by the pod.
            metadata: { ...metadata, annotations },
            spec: {
              selector: { app: name },
              ports: ports.map((port) => ({
                name: `p${port}`,
                port,
                ...(leadsToSidecar ? { targetPort: explicitPortName(port) } : {}),
              })),
            },
          },
        ]),
  ];
}
