import { App } from 'cdk8s';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../cli/testing/run.ts';
import { Emojivoto } from '../../examples/emojivoto/emojivoto-chart.ts';
import { tapApiService } from '../../lib/contract/names.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import { synthMesh } from '../../synth/mesh.ts';
import { describeOnCluster } from './cluster.ts';
import { identityOf, meshNamespace } from './mesh.ts';
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

  describe('with the component that taps', () => {
    const tulle = async (...args: string[]): Promise<string[]> => {
      const { out, err } = await run(['-n', ns, '--kubeconfig', kubeconfig, ...args]);
      expect(err).toBe('');
      return out.trim().split('\n');
    };

    beforeAll(async () => {
      await kubectl.apply(tapObjects);
      await kubectl.rollout(`deployment/tulle-tap`, meshNamespace);
      await kubectl.run(['wait', '--for=condition=Available', '--timeout=60s', `apiservice/${tapApiService}`]);
    });
    // An API of the cluster that does not answer keeps namespaces from ending.
    afterAll(() => kubectl.delete(tapObjects));

    it('tulle tap deploy/web shows the votes as they come, by whom, and what is asked for them', async () => {
      const lines = await tulle('tap', 'deploy/web', '-o', 'wide', '--for', '5s');
      const asked = (...parts: string[]) =>
        lines.filter((line) => line.startsWith('req ') && parts.every((part) => line.includes(part)));
      const came = asked('proxy=in ', ':path=/api/vote', 'src_res=deploy/vote-bot', 'dst_res=deploy/web');
      expect(came.length).toBeGreaterThan(5);
      const sent = asked('proxy=out', ':path=/emojivoto.v1.VotingService/', 'dst_res=deploy/voting');
      expect(sent.length).toBeGreaterThan(5);
      // Health is asked by the kubelet, which has no identity.
      for (const line of [...came, ...sent]) expect(line).toContain(' tls=true ');
    });

    it('tulle tap -o json tells a vote that fails by its gRPC status', async () => {
      const lines = await tulle('tap', 'deploy/voting', '--grpc-status', '13', '-o', 'json', '--for', '8s');
      const events = lines
        .join('\n')
        .split(/^(?=\{)/m)
        .map((text) => JSON.parse(text));
      expect(events.length).toBeGreaterThan(0);
      expect(new Set(events.flatMap(({ requestInitEvent }) => requestInitEvent?.path ?? []))).toEqual(
        new Set(['/emojivoto.v1.VotingService/VoteDoughnut']),
      );
    });

    it('tulle top deploy counts who asks whom for what', async () => {
      const lines = await tulle('top', 'deploy', '--for', '6s');
      const row = (...parts: string[]) => lines.filter((line) => parts.every((part) => line.includes(part)));
      expect(row('vote-bot', 'web', 'POST', '/api/vote')).toHaveLength(1);
      expect(row('web', 'emoji', 'POST', '/emojivoto.v1.EmojiService/FindByShortcode')).toHaveLength(1);
    });

    it('kubectl get --raw has the documents of its API, and kubectl auth knows who may tap', async () => {
      const { resources } = JSON.parse(await kubectl.run(['get', '--raw', `/apis/tap.linkerd.io/v1alpha1`]));
      expect(resources.map(({ name }: { name: string }) => name)).toContain('deployments/tap');
      const may = (...args: string[]) => kubectl.run(['auth', 'can-i', 'watch', 'deployments.tap.linkerd.io', ...args]);
      expect((await may('--subresource=tap', '-n', ns)).trim()).toBe('yes');
      const stranger = await may('--subresource=tap', '-n', ns, '--as=system:serviceaccount:emojivoto:web').catch(
        String,
      );
      expect(stranger).toContain('no');
    });
  });
});

const objectKey = ({ kind, metadata }: KubernetesObject): string =>
  `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
const untapped = new Set((synthMesh() as KubernetesObject[]).map(objectKey));
/** What `tulle install --tap` has besides `tulle install`. */
const tapObjects = (synthMesh({ tap: true }) as KubernetesObject[]).filter(
  (object) => !untapped.has(objectKey(object)),
);

/** The calls that were made to a workload; the kubelet's probes are none. */
function ofPeers(metrics: Metrics) {
  const calls = metrics
    .series('request_total', { direction: 'inbound' })
    .filter(({ labels }) => labels['route_name'] !== 'probe');
  return { calls, requests: calls.reduce((sum, { value }) => sum + value, 0) };
}
