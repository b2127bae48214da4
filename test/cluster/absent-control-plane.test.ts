import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeOnCluster } from './cluster.ts';
import { components, meshNamespace, meshReady } from './mesh.ts';
import { meshedNamespace, pageServer, pod, program, service } from './pods.ts';

const ns = 'tulle-test-absent';
const servers = ['web', 'other'];
/** Longer than a sidecar keeps in use what nobody calls. */
const quietSeconds = 7;

describeOnCluster('a control plane of no pods', ({ kubectl, ensureMesh }) => {
  const replicas = new Map<string, number>();
  const scale = (component: string, count: number) =>
    kubectl.run(['scale', `deployment/tulle-${component}`, '--namespace', meshNamespace, `--replicas=${count}`]);
  const restore = async (): Promise<void> => {
    await Promise.all([...replicas].map(([component, count]) => scale(component, count)));
    await meshReady(kubectl);
  };

  beforeAll(async () => {
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    for (const component of components) {
      const { spec } = await kubectl.get<{ spec: { replicas: number } }>([
        ...['deployment', `tulle-${component}`, '--namespace', meshNamespace],
      ]);
      replicas.set(component, spec.replicas);
    }
    await kubectl.apply([
      meshedNamespace(ns),
      program('quiet-caller', ns),
      ...servers.flatMap((name) => [pod(name, ns, pageServer(name)), service(name, ns, 80, 8080)]),
    ]);
    await Promise.all(servers.map((name) => kubectl.waitFor(`pod/${name}`, 'condition=Ready', ns)));
    const args = [`${quietSeconds}`, ...servers.map((name) => `http://${name}/`)];
    await kubectl.apply([pod('client', ns, { program: 'quiet-caller', args })]);
    await kubectl.waitFor('pod/client', 'condition=Ready', ns);
    await calls(2);
  });
  afterAll(async () => {
    await restore();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']);
  });

  const seen = async () => {
    const lines = (await kubectl.logs('client', ns, 'client')).trim().split('\n');
    const counts = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    const sent = servers.map((name) => counts.findLast(({ url }) => url === `http://${name}/`)?.sent ?? 0);
    return { sent: Math.min(...sent), failures: lines.filter((line) => line.startsWith('failed')) };
  };
  /** Waits until each server was called so many times more. */
  const calls = async (more: number) => {
    const before = await seen();
    await vi.waitFor(async () => expect((await seen()).sent).toBeGreaterThanOrEqual(before.sent + more), {
      timeout: (more + 3) * quietSeconds * 1000,
      interval: 1000,
    });
    return seen();
  };

  it('for a minute fails no call of clients that call once in a while, nor does its return', async () => {
    const before = await seen();
    await Promise.all(components.map((component) => scale(component, 0)));
    const pods = ['pods', '--namespace', meshNamespace, '--selector=linkerd.io/control-plane-component'];
    await vi.waitFor(async () => expect((await kubectl.get<{ items: [] }>(pods)).items).toEqual([]), {
      timeout: 90_000,
      interval: 1000,
    });
    await sleep(60_000);
    const away = await seen();
    expect(away.sent - before.sent).toBeGreaterThanOrEqual(60 / quietSeconds - 1);
    await restore();
    const after = await calls(3);
    expect([away.failures, after.failures]).toEqual([before.failures, before.failures]);
  }, 400_000);
});
