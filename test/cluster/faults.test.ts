import { setTimeout as sleep } from 'node:timers/promises';
import { App } from 'cdk8s';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Emojivoto } from '../../examples/emojivoto/emojivoto-chart.ts';
import { describeOnOwnCluster } from './cluster.ts';
import { components, meshNamespace, meshReady } from './mesh.ts';
import { pod, program, type Workload, workerNodes } from './pods.ts';
import type { RunningPod } from './sidecar.ts';

const ns = 'emojivoto';
const votesPerSecond = 20;
const servers = ['web', 'emoji', 'voting'];

describeOnOwnCluster('under load, with no retries, no request fails', ({ kubectl, machines, ensureMesh }) => {
  let here: string;
  let there: string;
  const deleteNamespace = (wait: boolean) =>
    kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', `--wait=${wait}`]);

  beforeAll(async () => {
    await Promise.all([ensureMesh(), deleteNamespace(true)]);
    here = await nodeOfDns();
    there = (await workerNodes(kubectl)).find((node) => node !== here)!;
    const chart = new Emojivoto(new App(), 'emojivoto').toJson() as Workload[];
    await kubectl.apply(chart.filter(({ metadata }) => metadata.name !== 'vote-bot'));
    for (const server of servers) await kubectl.rollout(`deployment/${server}`, ns);
    await kubectl.apply([
      program('load', ns),
      pod('load', ns, {
        program: 'load',
        args: ['http://web-svc', `${votesPerSecond}`],
        annotations: { 'tulle.dev/inject': 'enabled' },
        nodeName: here,
      }),
    ]);
    await kubectl.waitFor('pod/load', 'condition=Ready', ns);
    await steady();
  });
  afterAll(async () => {
    // A test that ran out of time has not: without its kubelet the node would be lost to all that come behind.
    if (there !== undefined) machines.startProgram(there, 'kubelet');
    await deleteNamespace(false);
  });

  /** There is one, and without names no client would find its server, mesh or not: that node stays. */
  const nodeOfDns = async (): Promise<string> => {
    const dns = ['pods', '--namespace', 'kube-system', '--selector=k8s-app=kube-dns'];
    const { items } = await kubectl.get<{ items: RunningPod[] }>(dns);
    return items[0].spec.nodeName;
  };

  const load = async () => {
    const lines = (await kubectl.logs('load', ns, 'load')).trim().split('\n');
    const { sent } = JSON.parse(lines.findLast((line) => line.startsWith('{')) ?? '{"sent":0}') as { sent: number };
    return { sent, failures: lines.filter((line) => line.startsWith('failed')) };
  };

  /** Waits until the load has sent its requests of some seconds more; what it had sent before is known to have ended. */
  async function steady(seconds = 5): Promise<{ sent: number; failures: string[] }> {
    const before = await load();
    const enough = before.sent + 2 * votesPerSecond * seconds;
    await vi.waitFor(async () => expect((await load()).sent).toBeGreaterThan(enough), {
      timeout: 60_000,
      interval: 1000,
    });
    return load();
  }

  /** The requests that failed from the start of `fault` until some seconds after its end. */
  async function failuresDuring(fault: () => Promise<unknown>): Promise<string[]> {
    const before = await load();
    const startMs = Date.now();
    await fault();
    const seconds = (Date.now() - startMs) / 1000;
    const after = await steady();
    // The load went on all the while.
    expect(after.sent - before.sent).toBeGreaterThan(votesPerSecond * seconds);
    return after.failures.slice(before.failures.length);
  }

  it.each(servers)('while %s is restarted, pod after pod', async (server) => {
    const failures = await failuresDuring(async () => {
      await kubectl.run(['rollout', 'restart', `deployment/${server}`, '--namespace', ns]);
      await kubectl.rollout(`deployment/${server}`, ns);
      // The last old pod is still to end.
      await vi.waitFor(async () => expect(await podCount(server)).toBe(1), { timeout: 90_000, interval: 1000 });
    });
    expect(failures).toEqual([]);
  });
  const podCount = async (server: string) => {
    const selector = `--selector=linkerd.io/proxy-deployment=${server}`;
    return (await kubectl.get<{ items: [] }>(['pods', '--namespace', ns, selector])).items.length;
  };

  it.each(components)('while the pod of %s is deleted', async (component) => {
    const selector = `--selector=linkerd.io/control-plane-component=${component}`;
    const failures = await failuresDuring(async () => {
      await kubectl.run(['delete', 'pod', '--namespace', meshNamespace, selector]);
      await meshReady(kubectl);
    });
    expect(failures).toEqual([]);
  });

  it('while the API server is away for a minute', async () => {
    const failures = await failuresDuring(async () => {
      await machines.stopProgram('cp', 'kube-apiserver');
      try {
        await sleep(60_000);
      } finally {
        machines.startProgram('cp', 'kube-apiserver');
      }
      await apiServerReady();
    });
    expect(failures).toEqual([]);
  });
  const apiServerReady = () =>
    vi.waitFor(() => kubectl.run(['get', '--raw', '/readyz']), { timeout: 60_000, interval: 500 });

  it("while a node's kubelet is away, until that node's pods are out of their Services and back", async () => {
    const constraint = {
      ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
      ...{ labelSelector: {}, matchLabelKeys: ['pod-template-hash'] },
    };
    const spread = { spec: { replicas: 2, template: { spec: { topologySpreadConstraints: [constraint] } } } };
    for (const server of servers) {
      const patch = ['patch', 'deployment', server, '--namespace', ns, '--patch', JSON.stringify(spread)];
      await kubectl.run(patch);
    }
    for (const server of servers) await kubectl.rollout(`deployment/${server}`, ns);

    const failures = await failuresDuring(async () => {
      await machines.stopProgram(there, 'kubelet');
      try {
        await kubectl.run(['wait', '--for=condition=Ready=Unknown', '--timeout=120s', `node/${there}`]);
        await vi.waitFor(async () => expect(await readyEndpoints('web-svc')).toBe(1), {
          timeout: 60_000,
          interval: 1000,
        });
        await steady();
      } finally {
        machines.startProgram(there, 'kubelet');
      }
      await kubectl.run(['wait', '--for=condition=Ready', '--timeout=60s', `node/${there}`]);
      await vi.waitFor(async () => expect(await readyEndpoints('web-svc')).toBe(2), {
        timeout: 60_000,
        interval: 1000,
      });
    });
    expect(failures).toEqual([]);
  }, 400_000);
  const readyEndpoints = async (service: string) => {
    const { items } = await kubectl.get<{ items: { endpoints: { conditions: { ready: boolean } }[] }[] }>([
      ...['endpointslices', '--namespace', ns, `--selector=kubernetes.io/service-name=${service}`],
    ]);
    return items.flatMap(({ endpoints }) => endpoints).filter(({ conditions }) => conditions.ready).length;
  };
});
