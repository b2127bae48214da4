import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClusterIndex } from '../cluster/cluster-index.ts';
import type { Subscriber } from './audience.ts';
import { Publisher } from './publisher.ts';
import { decodeUpdate, endpoint, MemorySource, node, pod, service, slice, testConfig } from './testing.ts';

const target = { kind: 'service', namespace: 'shop', name: 'web', port: 80, hostname: undefined } as const;
/** All turns that a change takes: one for each listener, where the machine is so busy that one is as much as a turn lets. */
const allTurns = async (): Promise<void> => {
  for (let listeners = 4; listeners > 0; listeners--) await new Promise((done) => setImmediate(done));
};

interface Told {
  readonly add?: { readonly addrs?: readonly { readonly addr: object }[] };
  readonly remove?: { readonly addrs?: readonly object[] };
  readonly noEndpoints?: { readonly exists?: boolean };
}

/** Holds endpoints as a proxy does: by address alone, message after message. */
class Client implements Subscriber {
  readonly node: string | undefined;
  readonly allZones: boolean;
  readonly endpoints = new Map<string, unknown>();

  constructor(nodeName: string | undefined, allZones = false) {
    this.node = nodeName;
    this.allZones = allZones;
  }

  send(messages: readonly Buffer[]): void {
    for (const { add, remove, noEndpoints } of messages.map((message) => decodeUpdate(message) as Told)) {
      for (const each of add?.addrs ?? []) this.endpoints.set(JSON.stringify(each.addr), each);
      for (const addr of remove?.addrs ?? []) this.endpoints.delete(JSON.stringify(addr));
      if (noEndpoints !== undefined) this.endpoints.clear();
    }
  }

  get known(): object {
    return Object.fromEntries([...this.endpoints].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

const explicit = {
  LINKERD2_PROXY_EXPLICIT_MODE: 'true',
  LINKERD2_PROXY_INBOUND_EXPLICIT_PORTS: '18080=8080,19090=9090',
};
const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3');
const port = fc.constantFrom(8080, 18_080, 9090, 19_090);

const podChange = fc
  .record({
    ip,
    name: fc.constantFrom(undefined, 'web-9'),
    env: fc.constantFrom({}, explicit),
    meshed: fc.boolean(),
    ready: fc.boolean(),
    gone: fc.boolean(),
  })
  .map(({ ip, name, env, meshed, ready, gone }) => (source: MemorySource) => {
    const status = { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] };
    const object = pod(ip, { name, env, meshed, status });
    if (gone) source.delete(object);
    else source.put(object);
  });
const sliceChange = fc
  .record({
    name: fc.constantFrom('one', 'two'),
    ports: fc.uniqueArray(port, { maxLength: 1 }),
    endpoints: fc.array(
      fc.record({
        ip,
        ready: fc.boolean(),
        zone: fc.constantFrom('a', 'b'),
        hinted: fc.boolean(),
        of: fc.constantFrom('web-1', 'web-2', 'web-9', undefined),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ name, ports, endpoints }) => (source: MemorySource) => {
    const listed = endpoints.map(({ ip, ready, zone, hinted, of }) =>
      endpoint(ip, {
        conditions: { ready },
        zone,
        ...(hinted ? { hints: { forZones: [{ name: zone }] } } : {}),
        ...(of === undefined ? {} : { targetRef: { kind: 'Pod', name: of, namespace: 'shop' } }),
      }),
    );
    source.put(slice(listed, { ports: ports.map((each) => ({ name: 'http', port: each })) }, name));
  });
const otherChange = fc.constantFrom<(source: MemorySource) => void>(
  (source) => source.put(service({ internalTrafficPolicy: 'Local' })),
  (source) => source.put(service()),
  (source) => source.put(service({ ports: [{ name: 'http', port: 81 }] })),
  (source) => source.delete(service()),
  (source) => source.put(node('n1', 'b')),
  (source) => source.put(node('n1', 'a')),
  (source) => source.put(node('n2', 'a')),
);
const change = fc.oneof(
  { arbitrary: podChange, weight: 3 },
  { arbitrary: sliceChange, weight: 3 },
  { arbitrary: otherChange, weight: 1 },
);

test('a client that holds what it was told, message by message, holds what one that asks anew is told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { minLength: 1, maxLength: 2 }), { maxLength: 12 }), async (turns) => {
      const source = new MemorySource();
      const index = new ClusterIndex(source);
      source.put(node('n1', 'a'), node('n2', 'b'), service(), slice([endpoint('10.0.0.1')], {}, 'one'));
      source.put(pod('10.0.0.1', { env: explicit }), pod('10.0.0.2'), pod('10.0.0.3'));
      const publisher = new Publisher(target, index, testConfig);
      const clients = ['n1', 'n2', undefined].map((name) => new Client(name));
      for (const client of clients) publisher.subscribe(client);
      for (const changes of turns) {
        for (const each of changes) each(source);
        await allTurns();
        for (const client of clients) {
          const fresh = new Client(client.node);
          const anew = new Publisher(target, index, testConfig);
          anew.subscribe(fresh);
          anew.close();
          expect(client.known).toEqual(fresh.known);
        }
      }
      publisher.close();
      index.close();
    }),
    { numRuns: 200 },
  );
});

test('a client keeps its endpoint while a Service moves between an application and the sidecar before it', async () => {
  const source = new MemorySource();
  const index = new ClusterIndex(source);
  const at = (listed: number) => slice([endpoint('10.0.0.1')], { ports: [{ name: 'http', port: listed }] });
  source.put(service(), at(8080), pod('10.0.0.1', { env: explicit }));
  const publisher = new Publisher(target, index, testConfig);
  const client = new Client(undefined);
  publisher.subscribe(client);
  const before = client.known;
  expect(client.endpoints.size).toBe(1);
  for (const listed of [18_080, 8080]) {
    source.put(at(listed));
    await allTurns();
    expect(client.known).toEqual(before);
  }
  publisher.close();
  index.close();
});
