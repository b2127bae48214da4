import { afterAll, beforeAll, expect, it } from 'vitest';
import { proxyContainerName } from '../../lib/contract/names.ts';
import { natsProgram } from '../nats/nats-program.ts';
import { describeOnCluster } from './cluster.ts';
import { identityOf } from './mesh.ts';
import { account, meshedNamespace, pod, service, workerNodes } from './pods.ts';
import { sidecarMetrics } from './sidecar.ts';

const ns = 'tulle-test-nats';
const port = 4222;
const opaquePorts = 'config.tulle.dev/opaque-ports';
const program = await natsProgram();
const nats = 'path' in program ? { it, unless: '' } : { it: it.skip, unless: ` (skipped: ${program.missing})` };

const annotated = (object: object, annotations: Readonly<Record<string, string>>): object => {
  const { metadata } = object as { metadata: object };
  return { ...object, metadata: { ...metadata, annotations } };
};

interface Exchange {
  readonly failed: readonly string[] | null;
  readonly slowestMs: number;
}

describeOnCluster('NATS, whose server speaks first', ({ kubectl, ensureMesh }) => {
  const exchange = async (server: string, ...flags: string[]): Promise<Exchange> =>
    JSON.parse(await kubectl.podExec('client', ns, ['nats', 'exchange', ...flags, `${server}:${port}`], 'client'));

  beforeAll(async () => {
    if ('missing' in program) return;
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    const [here, there] = await workerNodes(kubectl);
    const server = {
      command: ['nats', 'serve', `0.0.0.0:${port}`],
      ownAccount: true,
      nodeName: there,
      ports: [port],
      readinessProbe: { tcpSocket: { port } },
    };
    await kubectl.apply([
      meshedNamespace(ns),
      ...['client', 'nats', 'unmarked'].map((name) => account(name, ns)),
      pod('client', ns, { command: ['sleep', '2147483647'], ownAccount: true, nodeName: here }),
      pod('nats', ns, { ...server, annotations: { [opaquePorts]: `${port}` } }),
      pod('unmarked', ns, server),
      // Clients are told by the Service, the server's sidecar by the pod.
      annotated(service('nats', ns, port), { [opaquePorts]: `${port}` }),
      service('unmarked', ns, port),
    ]);
    for (const name of ['client', 'nats', 'unmarked']) await kubectl.waitFor(`pod/${name}`, 'condition=Ready', ns);
  });
  afterAll(() => kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']));

  nats.it(`serves clients with their default patience where its port is declared opaque${nats.unless}`, async () => {
    const { slowestMs, ...rest } = await exchange('nats', '--connections', '5', '--rounds', '10');
    expect(rest).toEqual({ connected: 15, failed: null, delivered: 50, expected: 50, lost: 0 });
    expect(slowestMs).toBeLessThan(2000);
    const metrics = await sidecarMetrics(kubectl, 'client', ns);
    const sent = metrics.values('server_id', 'tcp_open_total', { peer: 'dst', dst_service: 'nats' });
    expect(sent).toEqual([identityOf('nats', ns)]);
    const came = await sidecarMetrics(kubectl, 'nats', ns);
    expect(came.sum('tcp_open_total', { peer: 'src', client_id: identityOf('client', ns) })).toBe(15);
  });

  nats.it(`serves clients that wait for one detection, where it is not declared${nats.unless}`, async () => {
    const flags = ['--connections', '3', '--rounds', '1', '--timeout', '40s'];
    const { slowestMs, ...rest } = await exchange('unmarked', ...flags);
    expect(rest).toEqual({ connected: 4, failed: null, delivered: 3, expected: 3, lost: 0 });
    // Ten seconds in the client's sidecar; the server's is told what came of them.
    expect(slowestMs).toBeGreaterThan(9000);
    expect(slowestMs).toBeLessThan(15_000);
  });

  nats.it(
    `says once in the log which annotation a port needs that only its silence made opaque${nats.unless}`,
    async () => {
      const log = await kubectl.logs('client', ns, proxyContainerName);
      const lines = log.split('\n').filter((line) => line.includes(opaquePorts) && line.includes(`${port}`));
      expect(lines).toHaveLength(1);
    },
  );
});
