import { Agent, createServer, request } from 'node:http';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { PolicyWorld } from '../../control-plane/policy/testing.ts';
import { RateMeters } from '../../proxy/policy/inbound/rate-meters.ts';
import { defaultLabels } from '../../proxy/policy/labels.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** Rate limits, and those who would get around them, or turn them against others. */
const group = 'policy.linkerd.io';
const perSecond = (requestsPerSecond: number) => ({ requestsPerSecond });
const objects = (namespace: string, spec: object) => [
  {
    ...{ apiVersion: `${group}/v1beta3`, kind: 'Server', metadata: { name: 'server', namespace } },
    spec: { podSelector: { matchLabels: { app: 'server' } }, port: 8080, accessPolicy: 'all-unauthenticated' },
  },
  rateLimit('limit', namespace, spec),
];
const rateLimit = (name: string, namespace: string, spec: object, creationTimestamp = '2026-01-01T00:00:00Z') => ({
  ...{ apiVersion: `${group}/v1alpha1`, kind: 'HTTPLocalRateLimitPolicy' },
  metadata: { name, namespace, creationTimestamp },
  spec: { targetRef: { group, kind: 'Server', name: 'server' }, ...spec },
});

let mesh: TestMesh;
const agent = new Agent({ keepAlive: true, maxSockets: 50 });
beforeAll(async () => {
  mesh = await TestMesh.start(
    [{ name: 'client' }, { name: 'server', ports: [8080] }],
    objects('test', { total: perSecond(60), identity: perSecond(20) }),
  );
  await mesh.serve(
    'server',
    8080,
    createServer((_incoming, response) => response.end('hello')),
  );
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await mesh.stop();
});

function ask(host: string, port: number, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host, port, headers, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}
const meshed = () => ask(mesh.ip('client'), 4140, { host: 'server.test:8080' });

vector(
  {
    who: 'net',
    attack: 'requests without end from a client without a certificate, which says in headers that it is another',
    promise: 'all of its kind share one limit, and those with an identity have all of theirs meanwhile',
  },
  async () => {
    let isOver = false;
    let asked = 0;
    let passed = 0;
    const startMs = performance.now();
    const flood = (async () => {
      for (let i = 0; !isOver; i++) {
        const client = `account-${i}.test.serviceaccount.identity.tulle.cluster.local`;
        const headers = { host: 'server', 'l5d-client-id': client, 'x-forwarded-for': `10.0.0.${i % 250}` };
        const statuses = await Promise.all(Array.from({ length: 40 }, () => ask(mesh.ip('server'), 4143, headers)));
        asked += statuses.length;
        passed += statuses.filter((status) => status === 200).length;
      }
    })();
    await vi.waitFor(() => expect(asked).toBeGreaterThan(500), { timeout: 10_000 });
    await vi.waitFor(
      async () => {
        const statuses = await Promise.all(Array.from({ length: 20 }, meshed));
        expect(statuses.filter((status) => status === 200)).toHaveLength(20);
      },
      { timeout: 10_000, interval: 1050 },
    );
    isOver = true;
    await flood;
    expect(passed).toBeLessThanOrEqual(20 * (1 + (performance.now() - startMs) / 1000) + 1);
  },
);

vector(
  {
    who: 'mesh',
    attack: 'requests of ever new identities, more than anybody counts, to fill the memory or have their own forgotten',
    promise: '4096 are counted at most, none that still counts is dropped for another, and the rest share one limit',
  },
  () => {
    const meters = new RateMeters();
    const limit = { perSecond: 2, burst: 2, written: 2 };
    const policy = { labels: defaultLabels('x'), total: undefined, perIdentity: limit, overrides: new Map() };
    const passes = (identity: string, nowMs: number) => meters.take(policy, identity, nowMs) === undefined;
    expect([passes('first', 0), passes('first', 0), passes('first', 0)]).toEqual([true, true, false]);
    let passed = 0;
    for (let i = 0; i < 100_000; i++) if (passes(`new-${i}`, i / 500)) passed++;
    expect(meters.size).toBe(4096);
    expect(passed).toBeLessThanOrEqual(4095 + 3);
    expect(passes('first', 200)).toBe(false);
    for (let i = 0; i < 10; i++) passes(`late-${i}`, 60_000);
    expect(meters.size).toBeLessThanOrEqual(10);
  },
);

vector(
  {
    who: 'tenant',
    attack: 'rate limits for the Server of another namespace, and a second one for a Server that has one, to loosen it',
    promise: 'a limit is for Servers of its own namespace, and the older one holds, whatever the names',
  },
  async () => {
    const pod = {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop', labels: { app: 'server' } } },
      spec: { containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] },
    };
    const world = await PolicyWorld.start([
      pod,
      rateLimit('a', 'tenant', { total: perSecond(1) }, '2020-01-01T00:00:00Z'),
      rateLimit('a', 'shop', { total: perSecond(1_000_000) }, '2026-02-02T00:00:00Z'),
      ...objects('shop', { total: perSecond(60) }),
    ]);
    const { messages } = world.watchPort(8080);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    await world.stop();
    expect(messages[0]).toMatchObject({
      protocol: { detect: { httpLocalRateLimit: { metadata: { resource: { name: 'limit' } }, total: perSecond(60) } } },
    });
  },
);
