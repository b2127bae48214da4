import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeOnCluster } from './cluster.ts';
import { identityOf } from './mesh.ts';
import {
  account,
  deployment,
  fetchCommand,
  meshedNamespace,
  pageServer,
  pod,
  podTemplate,
  program,
  service,
  workerNodes,
} from './pods.ts';
import { type Metrics, sidecarMetrics } from './sidecar.ts';
import { isOnThisMachine } from './tools-image.ts';

const ns = 'tulle-test-workloads';
const redis = isOnThisMachine('redis-server')
  ? { it, unless: '' }
  : { it: it.skip, unless: ' (skipped: redis-server is not on this machine; test/cluster/packages.sh installs it)' };

describeOnCluster('workloads of all kinds', ({ kubectl, ensureMesh }) => {
  let here: string;
  let there: string;
  const metrics = (name: string): Promise<Metrics> => sidecarMetrics(kubectl, name, ns);
  const ready = (name: string) => kubectl.waitFor(`pod/${name}`, 'condition=Ready', ns);
  const page = (client: string, host: string): Promise<string> =>
    kubectl.podExec(client, ns, fetchCommand(`http://${host}/`), client);
  /** What `client` hears of a server that speaks first. */
  const greeting = async (host: string, port: number): Promise<{ heard: string; greetedMs: number }> =>
    JSON.parse(await kubectl.podExec('client', ns, ['node', '/programs/greeted.ts', host, `${port}`], 'client'));

  beforeAll(async () => {
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    [here, there] = await workerNodes(kubectl);
    await kubectl.apply([
      meshedNamespace(ns),
      ...['client', 'web', 'redis', 'greeter', 'db', 'job'].map((name) => account(name, ns)),
      ...['greeter', 'greeted'].map((name) => program(name, ns)),
      // The client is on another node than the servers.
      pod('client', ns, { program: 'greeted', command: ['sleep', '2147483647'], ownAccount: true, nodeName: here }),
      pod('web', ns, { ...pageServer('web'), ownAccount: true, nodeName: there }),
      service('web', ns, 80, 8080),
    ]);
    await Promise.all([ready('client'), ready('web')]);
  });
  afterAll(() => kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']));

  it('a client reaches a server on the other node over mutual TLS', async () => {
    expect(await page('client', 'web')).toBe('200 web\n');
    const sent = (await metrics('client')).values('server_id', 'request_total', { dst_service: 'web' });
    expect(sent).toEqual([identityOf('web', ns)]);
    const came = (await metrics('web')).values('client_id', 'request_total', { tls: 'true' });
    expect(came).toEqual([identityOf('client', ns)]);
  });

  it('a client without a sidecar reaches a meshed server, in plaintext and without an identity', async () => {
    await kubectl.apply([pod('outsider', ns, { annotations: { 'tulle.dev/inject': 'disabled' }, nodeName: here })]);
    await ready('outsider');
    expect(await page('outsider', 'web')).toBe('200 web\n');
    const came = (await metrics('web')).series('request_total', { no_tls_reason: 'no_tls_from_remote' });
    expect(came.map(({ labels, value }) => [labels['tls'], labels['client_id'], value])).toEqual([
      ['no_identity', undefined, 1],
    ]);
  });

  it('a meshed client reaches a server without a sidecar, in plaintext', async () => {
    const server = { ...pageServer('plain'), annotations: { 'tulle.dev/inject': 'disabled' }, nodeName: there };
    await kubectl.apply([pod('plain', ns, server), service('plain', ns, 80, 8080)]);
    await ready('plain');
    expect(await page('client', 'plain')).toBe('200 plain\n');
    const sent = (await metrics('client')).values('tls', 'request_total', { dst_service: 'plain' });
    expect(sent).toEqual(['no_identity']);
  });

  redis.it(`Redis answers over mutual TLS, byte for byte${redis.unless}`, async () => {
    const command = ['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', ''];
    await kubectl.apply([
      pod('redis', ns, { command, ownAccount: true, nodeName: there, ports: [6379], emptyDirs: ['/tmp'] }),
      service('redis', ns, 6379),
    ]);
    await ready('redis');
    const talk = "printf 'SET cat meow\\r\\nGET cat\\r\\nINCR visits\\r\\nQUIT\\r\\n' | timeout 20 nc redis 6379";
    const answer = await kubectl.podExec('client', ns, ['sh', '-c', talk], 'client');
    expect(answer).toBe('+OK\r\n$4\r\nmeow\r\n:1\r\n+OK\r\n');
    const sent = (await metrics('client')).values('server_id', 'tcp_open_total', { peer: 'dst', dst_service: 'redis' });
    expect(sent).toEqual([identityOf('redis', ns)]);
    const came = (await metrics('redis')).series('tcp_open_total', { direction: 'inbound', peer: 'src' });
    expect(came.map(({ labels }) => [labels['target_port'], labels['client_id']])).toEqual([
      ['6379', identityOf('client', ns)],
    ]);
  });

  it('a server that speaks first is heard at once on a port that is known for that', async () => {
    const annotations = { 'config.tulle.dev/opaque-ports': '2525' };
    await kubectl.apply([
      pod('greeter', ns, { program: 'greeter', annotations, ownAccount: true, nodeName: there, ports: [2525] }),
      service('greeter', ns, 25, 2525),
    ]);
    await ready('greeter');
    const { heard, greetedMs } = await greeting('greeter', 25);
    expect(heard).toBe('220 greeter\r\n250 hello client\r\n');
    expect(greetedMs).toBeLessThan(3000); // detection would have waited for 10 s
    const sent = (await metrics('client')).values('server_id', 'tcp_open_total', {
      peer: 'dst',
      dst_service: 'greeter',
    });
    expect(sent).toEqual([identityOf('greeter', ns)]);
  });

  it('each pod of a headless StatefulSet answers by its own name, over mutual TLS', async () => {
    const template = podTemplate('db', { ...pageServer('$HOSTNAME'), ownAccount: true, restartPolicy: 'Always' });
    await kubectl.apply([
      service('db', ns, 8080, 8080, { clusterIP: 'None' }),
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db', namespace: ns },
        spec: {
          replicas: 2,
          serviceName: 'db',
          podManagementPolicy: 'Parallel',
          selector: { matchLabels: { app: 'db' } },
          template,
        },
      },
    ]);
    await kubectl.rollout('statefulset/db', ns);
    for (const name of ['db-0', 'db-1']) {
      // The cluster's DNS may remember for a while that there was no such name.
      await vi.waitFor(async () => expect(await page('client', `${name}.db:8080`)).toBe(`200 ${name}\n`), {
        timeout: 40_000,
        interval: 1000,
      });
      const calls = { direction: 'inbound', client_id: identityOf('client', ns) };
      expect((await metrics(name)).sum('request_total', calls)).toBe(1);
    }
    const sent = (await metrics('client')).values('server_id', 'request_total', {
      target_port: '8080',
      dst_statefulset: 'db',
    });
    expect(sent).toEqual([identityOf('db', ns)]);
  });

  it('a CronJob completes, although its sidecar would go on for ever', async () => {
    const template = podTemplate('job', {
      command: fetchCommand('http://web/'),
      ownAccount: true,
      restartPolicy: 'Never',
    });
    await kubectl.apply([
      {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { name: 'nightly', namespace: ns },
        spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: { backoffLimit: 0, template } } },
      },
    ]);
    await kubectl.run(['create', 'job', 'tonight', '--from=cronjob/nightly', '--namespace', ns]);
    await kubectl.waitFor('job/tonight', 'condition=Complete', ns);
    expect(await kubectl.logs('job/tonight', ns, 'job')).toBe('200 web\n');
    const came = (await metrics('web')).sum('request_total', { client_id: identityOf('job', ns) });
    expect(came).toBe(1);
  });

  it('a pod in the network of its node is left alone, and an event says why', async () => {
    await kubectl.apply([deployment('agent', ns, { hostNetwork: true })]);
    await kubectl.rollout('deployment/agent', ns);
    const { items } = await kubectl.get<{ items: { spec: { containers: { name: string }[]; initContainers?: [] } }[] }>(
      [...['pods', '--namespace', ns, '--selector=app=agent']],
    );
    expect(items.map(({ spec }) => [spec.containers.map(({ name }) => name), spec.initContainers])).toEqual([
      [['agent'], undefined],
    ]);
    const about = '--field-selector=involvedObject.name=agent,reason=InjectionSkipped';
    await vi.waitFor(
      async () => {
        const events = await kubectl.get<{ items: { message: string }[] }>(['events', '--namespace', ns, about]);
        expect(events.items.map(({ message }) => message)).toEqual(['no sidecar: hostNetwork is enabled']);
      },
      { timeout: 20_000, interval: 500 },
    );
  });
});
