import { App } from 'cdk8s';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../cli/testing/run.ts';
import { Emojivoto } from '../../examples/emojivoto/emojivoto-chart.ts';
import { describeOnCluster } from './cluster.ts';
import { identityOf } from './mesh.ts';
import { placed, type Workload, workerNodes } from './pods.ts';
import { type Metrics, podsOf, type RunningPod, sidecarMetrics } from './sidecar.ts';

const ns = 'emojivoto';
const services = ['vote-bot', 'web', 'emoji', 'voting'] as const;
type Service = (typeof services)[number];
const edges: readonly (readonly [client: Service, server: Service])[] = [
  ['vote-bot', 'web'],
  ['web', 'emoji'],
  ['web', 'voting'],
];

/** What `tulle stat -o json` says of a workload. */
interface Stat {
  readonly name: string;
  readonly meshed: { readonly pods: number; readonly of: number };
  readonly success?: number;
  readonly rps?: number;
}

describeOnCluster('emojivoto, deployed from its cdk8s app', ({ kubectl, kubeconfig, ensureMesh }) => {
  const pods = {} as Record<Service, RunningPod>;
  const metrics = (service: Service): Promise<Metrics> => sidecarMetrics(kubectl, pods[service].metadata.name, ns);
  const deleteNamespace = (wait: boolean) =>
    kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', `--wait=${wait}`]);

  beforeAll(async () => {
    await Promise.all([ensureMesh(), deleteNamespace(true)]);
    const [here, there] = await workerNodes(kubectl);
    const chart = new Emojivoto(new App(), 'emojivoto').toJson() as Workload[];
    // Each call goes to the other node.
    await kubectl.apply(chart.map((object) => placed(object, object.metadata.name === 'web' ? here : there)));
    for (const service of services) {
      await kubectl.rollout(`deployment/${service}`, ns);
      [pods[service]] = await podsOf(kubectl, service, ns);
    }
    await vi.waitFor(
      async () => {
        expect((await kubectl.logs(pods['vote-bot'].metadata.name, ns, 'vote-bot')).split('\n').length).toBeGreaterThan(
          60,
        );
      },
      { timeout: 60_000, interval: 1000 },
    );
  });
  afterAll(() => deleteNamespace(false));

  it('runs on two nodes, and every call goes from one to the other', () => {
    for (const [client, server] of edges) expect(pods[client].spec.nodeName).not.toBe(pods[server].spec.nodeName);
  });

  it.each(edges)('%s calls %s over mutual TLS, and each has proved who it is', async (client, server) => {
    const sent = (await metrics(client)).series('request_total', { direction: 'outbound', dst_deployment: server });
    expect(sent.length).toBeGreaterThan(0);
    for (const { labels } of sent) expect(labels).toMatchObject({ tls: 'true', server_id: identityOf(server, ns) });

    const { calls } = ofPeers(await metrics(server));
    expect(calls.length).toBeGreaterThan(0);
    for (const { labels } of calls) expect(labels).toMatchObject({ tls: 'true', client_id: identityOf(client, ns) });
  });

  it('counts the requests that vote-bot made: two for each of its votes', async () => {
    const read = async () => {
      const [web, log] = await Promise.all([
        metrics('web'),
        kubectl.logs(pods['vote-bot'].metadata.name, ns, 'vote-bot'),
      ]);
      return {
        requests: ofPeers(web).requests,
        votes: log.split('\n').filter((line) => /^:\w+: \d{3}$/.test(line)).length,
      };
    };
    const before = await read();
    await vi.waitFor(async () => expect((await read()).votes - before.votes).toBeGreaterThan(100), {
      timeout: 60_000,
      interval: 2000,
    });
    const after = await read();
    const ratio = (after.requests - before.requests) / (2 * (after.votes - before.votes));
    expect(ratio).toBeGreaterThan(0.95);
    expect(ratio).toBeLessThan(1.05);
  });

  it('has in tulle stat the rate of vote-bot within 5 %, and the vote that fails', async () => {
    const votes = async () =>
      (await kubectl.logs(pods['vote-bot'].metadata.name, ns, 'vote-bot')).match(/^:\w+: \d{3}$/gm)?.length ?? 0;
    const [before, startMs] = [await votes(), performance.now()];
    const { out, err } = await run(['-n', ns, '--kubeconfig', kubeconfig, 'stat', 'deploy', '-t', '20s', '-o', 'json']);
    const perSecond = (2 * ((await votes()) - before)) / ((performance.now() - startMs) / 1000);
    expect(err).toBe('');
    const stats = new Map((JSON.parse(out) as Stat[]).map((stat) => [stat.name, stat]));
    const web = stats.get('web')!;
    expect(web.rps! / perSecond).toBeGreaterThan(0.95);
    expect(web.rps! / perSecond).toBeLessThan(1.05);
    for (const service of services) expect(stats.get(service)?.meshed).toEqual({ pods: 1, of: 1 });
    expect(stats.get('emoji')?.success).toBe(1);
    expect(stats.get('voting')?.success).toBeLessThan(1);
    expect(stats.get('voting')?.success).toBeGreaterThan(0.6);
  });

  it('shows the vote that fails: at voting by its gRPC status, at web by its HTTP status', async () => {
    const failed = { classification: 'failure' };
    const voting = await metrics('voting');
    expect(voting.sum('response_total', { ...failed, direction: 'inbound', grpc_status: '13' })).toBeGreaterThan(0);
    expect(voting.values('grpc_status', 'response_total', failed)).toEqual(['13']);
    const web = await metrics('web');
    expect(web.sum('response_total', { ...failed, direction: 'inbound', status_code: '500' })).toBeGreaterThan(0);
    const emoji = await metrics('emoji');
    expect(emoji.sum('response_total', failed)).toBe(0);
    expect(emoji.sum('response_total', { classification: 'success' })).toBeGreaterThan(0);
  });
});

/** The calls that were made to a workload; the kubelet's probes are none. */
function ofPeers(metrics: Metrics) {
  const calls = metrics
    .series('request_total', { direction: 'inbound' })
    .filter(({ labels }) => labels['route_name'] !== 'probe');
  return { calls, requests: calls.reduce((sum, { value }) => sum + value, 0) };
}
