import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testAuthority } from '../../control-plane/identity/testing.ts';
import { connectCluster } from '../cluster/cluster.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { readPem } from './certificates.ts';
import type { CheckedPod } from './cluster-facts.ts';
import { anchorFault, anchorsOfProxy, askedForAnchors } from './trust-anchors.ts';

const nowMs = Date.now();
const [old, next, ended] = await Promise.all([
  testAuthority('anchor'),
  testAuthority('anchor', { notBefore: new Date(nowMs - 3_600_000) }),
  testAuthority('anchor', { notBefore: new Date(nowMs - 7_200_000), notAfter: new Date(nowMs - 3_600_000) }),
]);
const certificates = (...of: { readonly pem: string }[]) => readPem(of.map(({ pem }) => pem).join('\n'), 'test');

it('a proxy that knows only the old anchor is told to start again, and one that trusts what is gone', () => {
  const fault = (known: { pem: string }[], bundle: { pem: string }[]) =>
    anchorFault(certificates(...known), certificates(...bundle), nowMs);
  expect(fault([old], [next, old])).toMatch(
    /^knows only older .*, and not CN=anchor \(SHA-256 [0-9a-f]{8}\): restart it$/,
  );
  expect(fault([old, next], [next])).toMatch(/^still trusts CN=anchor .*: restart it$/);
  expect(fault([old, next], [next, old])).toBeUndefined();
  // What has ended vouches for nobody, whoever knows it.
  expect(fault([next], [next, ended])).toBeUndefined();
  expect(fault([next, ended], [next])).toBeUndefined();
});

const pod = (name: string, startedMs: number): CheckedPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop' },
  spec: { initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { port: 4191 } } }] },
  status: {
    initContainerStatuses: [
      {
        ...{ name: 'tulle-proxy', image: 'tulle-proxy', imageID: '', ready: true, restartCount: 0 },
        state: { running: { startedAt: new Date(startedMs).toISOString() } },
      },
    ],
  },
});

it('all are asked while the bundle has several anchors, else those that are older than the only one', () => {
  const pods = [pod('before', nowMs - 4_000_000), pod('after', nowMs)];
  const names = (bundle: { pem: string }[]) =>
    askedForAnchors(pods, certificates(...bundle)).map(({ metadata }) => metadata.name);
  expect(names([next, old])).toEqual(['before', 'after']);
  expect(names([next])).toEqual(['before']);
  expect(names([old])).toEqual([]);
});

let admin: Server;
let cluster: Awaited<ReturnType<typeof servePods>>;
let answer = '';
beforeAll(async () => {
  admin = createServer(({ url }, response) => {
    response.writeHead(url === '/env.json?LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS' ? 200 : 404).end(answer);
  }).listen(0, '127.0.0.1');
  await once(admin, 'listening');
  cluster = await servePods({ ports: { 4191: (admin.address() as AddressInfo).port }, answers: {} });
});
afterAll(() => {
  cluster.close();
  admin.close();
});

it('a proxy tells its anchors through a port-forward; what is none of that is an error', async () => {
  const { kubeconfig } = cluster;
  const terminal = {
    input: async () => Buffer.alloc(0),
    out: () => {},
    err: () => {},
    cwd: '/',
    environment: {},
    onStop: () => {},
  };
  const { access, client } = await connectCluster({ kubeconfig }, terminal);
  try {
    answer = JSON.stringify({ LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS: old.pem });
    const [known] = await anchorsOfProxy(access, pod('web-1', nowMs));
    expect(known.fingerprint256).toBe(certificates(old)[0].fingerprint256);
    answer = '{}';
    await expect(anchorsOfProxy(access, pod('web-1', nowMs))).rejects.toThrow('what its proxy tells holds no PEM');
  } finally {
    client.close();
  }
});
