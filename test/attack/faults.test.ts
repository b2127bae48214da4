import { createServer, request } from 'node:http';
import { afterEach, expect, vi } from 'vitest';
import { PolicyWorld } from '../../control-plane/policy/testing.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

const accrual = 'balancer.linkerd.io/failure-accrual';
let world: { stop(): Promise<void> } | undefined;
afterEach(() => world?.stop());

const object = (apiVersion: string, kind: string, name: string, namespace: string, spec: object) => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
  spec,
});
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { clusterIP: '10.96.0.10', ports: [{ port: 80 }] },
};
const fault = (namespace: string) =>
  object('tulle.dev/v1alpha1', 'FaultInjection', 'broken', namespace, { abort: { httpStatus: 503 } });
const extensionRef = { group: 'tulle.dev', kind: 'FaultInjection', name: 'broken' };
const route = (namespace: string, filter: object) =>
  object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'broken', namespace, {
    parentRefs: [{ group: '', kind: 'Service', name: 'web', namespace: 'shop', port: 80 }],
    rules: [{ filters: [filter] }],
  });

/** What a client of a namespace is told of the Service, as one text. */
async function toldTo(client: string, ...objects: object[]): Promise<string> {
  const policies = await PolicyWorld.start([service, ...objects]);
  world = policies;
  const seen = policies.watchOutbound('web.shop.svc.cluster.local:80', `{"ns":"${client}","pod":"client"}`);
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  return JSON.stringify(seen.messages);
}

vector(
  {
    who: 'tenant',
    attack: 'has calls of others fail: by a route with a FaultInjection, of its own namespace, to their Service',
    promise: 'it holds for the clients of its own namespace alone',
  },
  async () => {
    const injected = 'injected by FaultInjection mallory/broken';
    const objects = [fault('mallory'), route('mallory', { type: 'ExtensionRef', extensionRef })];
    expect(await toldTo('mallory', ...objects)).toContain(injected);
    await world?.stop();
    for (const client of ['shop', 'other']) {
      expect(await toldTo(client, ...objects)).not.toContain('FaultInjection');
      await world?.stop();
    }
  },
);

vector(
  {
    who: 'tenant',
    attack: 'names the FaultInjection of another namespace in a filter',
    promise: 'only one of the namespace of the route is looked for, whatever the filter says',
  },
  async () => {
    const filter = { type: 'ExtensionRef', extensionRef: { ...extensionRef, namespace: 'other' } };
    const told = await toldTo('shop', fault('other'), route('shop', filter));
    expect(told).toContain('there is no FaultInjection shop/broken');
    expect(told).not.toContain('injected');
  },
);

vector(
  {
    who: 'mesh',
    attack: 'fails all that it is asked and calls it an injected fault, so that circuit breakers spare it',
    promise: 'what its application says in l5d-proxy-error is no word of its proxy: it is ejected',
  },
  async () => {
    const annotations = { [accrual]: 'consecutive', [`${accrual}-consecutive-max-failures`]: '2' };
    const mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080], annotations }]);
    world = mesh;
    const app = createServer((_, response) =>
      response.writeHead(503, { 'l5d-proxy-error': 'injected by FaultInjection test/broken' }).end(),
    );
    await mesh.serve('server', 8080, app);
    await mesh.ready();
    const ask = () =>
      new Promise<void>((resolve, reject) => {
        const headers = { host: 'server.test:8080' };
        request({ host: mesh.ip('client'), port: 4140, headers, agent: false }, (response) =>
          response.resume().on('end', resolve),
        )
          .on('error', reject)
          .end();
      });
    await vi.waitFor(
      async () => {
        await ask();
        expect(await mesh.metric('client', 'outbound_http_balancer_ejections_total')).toBeGreaterThan(0);
      },
      { timeout: 20_000 },
    );
  },
  60_000,
);
