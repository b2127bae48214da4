import { createServer, get } from 'node:http';
import { expect, vi } from 'vitest';
import { TestMesh, type Workload } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

const closedByServer = {
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'Server',
  metadata: { name: 'server', namespace: 'test' },
  spec: { podSelector: { matchLabels: { app: 'server' } }, port: 8080 },
};

/** The status of a request to the server's port, from outside of the mesh; undefined when it is refused. */
function ask(mesh: TestMesh, workload: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    get({ host: mesh.ip(workload), port: 4143, agent: false, timeout: 20_000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    }).on('error', () => resolve(undefined));
  });
}

const isReady = async (mesh: TestMesh, workload: string): Promise<boolean> =>
  (await mesh.admin(workload, '/ready').catch(() => undefined))?.status === 200;

/** A mesh with web servers, attacked until `over`: what each request got, as text, and whether the pod was ready then. */
async function attacked(
  workloads: readonly Workload[],
  objects: readonly object[],
  during: (mesh: TestMesh, got: ReadonlyMap<string, Set<number | undefined>>) => Promise<void>,
): Promise<void> {
  const mesh = await TestMesh.start(workloads, objects);
  let over = false;
  try {
    const got = new Map(workloads.map(({ name }) => [name, new Set<number | undefined>()]));
    await Promise.all(
      workloads.map(({ name }) =>
        mesh.serve(
          name,
          8080,
          createServer((_incoming, response) => response.end('secret')),
        ),
      ),
    );
    const attacks = workloads.map(async ({ name }) => {
      while (!over) {
        got.get(name)?.add(await ask(mesh, name));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    await during(mesh, got);
    over = true;
    await Promise.all(attacks);
  } finally {
    over = true;
    await mesh.stop();
  }
}

vector(
  {
    who: 'net',
    attack:
      'requests without pause to a port that a Server closes, from before its sidecar has a certificate until after it is ready',
    promise:
      'none is let in: the pod is not ready before it knows the policy of its ports, and before that they are closed',
  },
  async () => {
    await attacked([{ name: 'server', ports: [8080] }], [closedByServer], async (mesh, got) => {
      await vi.waitFor(async () => expect(await isReady(mesh, 'server')).toBe(true), { timeout: 30_000, interval: 5 });
      expect(await ask(mesh, 'server')).toBe(403);
      await vi.waitFor(() => expect(got.get('server')).toContain(403), 10_000);
      expect(got.get('server')).not.toContain(200);
      expect(await mesh.metric('server', 'inbound_ports_without_policy')).toBe(0);
    });
  },
  90_000,
);

vector(
  {
    who: 'net',
    attack: 'the same while the policy component does not answer',
    promise:
      'the ports are closed until the pod has waited for its time; then its default holds, told in the log and a metric, and deny is closed',
  },
  async () => {
    const waits = {
      'config.tulle.dev/proxy-additional-env': JSON.stringify([
        { name: 'LINKERD2_PROXY_POLICY_INITIAL_TIMEOUT', value: '4s' },
      ]),
    };
    const workloads = [
      { name: 'open', ports: [8080], annotations: waits },
      { name: 'server', ports: [8080], annotations: { ...waits, 'config.tulle.dev/default-inbound-policy': 'deny' } },
    ];
    await attacked(workloads, [closedByServer], async (mesh, got) => {
      const pid = mesh.pid('tulle-destination', 'destination');
      process.kill(pid, 'SIGSTOP');
      try {
        await vi.waitFor(async () => expect(mesh.log('open', 'tulle-proxy')).toContain('certified'), 30_000);
        expect(await isReady(mesh, 'open')).toBe(false);
        expect(got.get('open')).not.toContain(200);
        for (const name of ['open', 'server']) {
          await vi.waitFor(async () => expect(await isReady(mesh, name)).toBe(true), { timeout: 15_000, interval: 20 });
          expect(await mesh.metric(name, 'inbound_ports_without_policy')).toBeGreaterThan(0);
          expect(mesh.log(name, 'tulle-proxy')).toMatch(
            /has not spoken of a port of this workload: its default holds port=8080/,
          );
        }
        expect(await ask(mesh, 'server')).toBe(403);
        expect(await ask(mesh, 'open')).toBe(200);
        expect(got.get('server')).not.toContain(200);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await vi.waitFor(async () => expect(await mesh.metric('server', 'inbound_ports_without_policy')).toBe(0), 20_000);
      expect(await ask(mesh, 'server')).toBe(403);
    });
  },
  90_000,
);
