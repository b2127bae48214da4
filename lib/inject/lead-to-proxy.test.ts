import { describe, expect, it } from 'vitest';
import type { InjectMode } from './decision.ts';
import { injectConfig, injectManifest, type Manifest, neighboursOf, uninjectManifest } from './index.ts';

const config = injectConfig();
type Port = { name?: string; containerPort: number; protocol?: string };

function deployment(name: string, ports: Port[], mode: InjectMode = 'explicit', more: object = {}): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: {
      template: {
        metadata: { labels: { app: 'web', name }, annotations: { 'tulle.dev/inject': mode, ...more } },
        spec: { containers: [{ name, image: 'web:1', ports }] },
      },
    },
  };
}

function service(ports: object[], more: object = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: { app: 'web' }, ports, ...more },
  };
}

function inject(...objects: Manifest[]) {
  const context = { neighbours: neighboursOf(objects, config) };
  const results = objects.map((object) => injectManifest(object, config, context));
  const problems = results.flatMap(({ reports }) => reports.flatMap((report) => report.problems));
  return { objects: results.map(({ object }) => object), problems };
}
const targets = ({ spec }: Manifest) =>
  (spec?.ports as { targetPort?: unknown }[] | undefined)?.map(({ targetPort }) => targetPort);

const twoPorts: Port[] = [{ name: 'http', containerPort: 8080 }, { containerPort: 9090 }];

describe('a Service of pods in explicit mode', () => {
  it('leads to the sidecar, whether it named the port, numbered it, or left it out', () => {
    const { objects, problems } = inject(
      deployment('web', twoPorts),
      service([
        { name: 'a', port: 80, targetPort: 'http' },
        { name: 'b', port: 81, targetPort: 9090 },
        { name: 'c', port: 8080 },
      ]),
    );
    expect(targets(objects[1])).toEqual(['tulle-in-8080', 'tulle-in-9090', 'tulle-in-8080']);
    expect(problems).toEqual([]);
    const sidecar = JSON.stringify(objects[0].spec);
    expect(sidecar).toContain('{"name":"tulle-in-8080","containerPort":14143}');
    expect(sidecar).toContain('"LINKERD2_PROXY_INBOUND_EXPLICIT_PORTS","value":"14143=8080,14144=9090"');
  });

  it('is the same after a second time, and leads to the application again when uninjected', () => {
    const { objects } = inject(
      deployment('web', twoPorts),
      service([{ port: 80, targetPort: 'http' }, { port: 9090 }]),
    );
    expect(inject(...objects).objects).toEqual(objects);
    expect(targets(uninjectManifest(objects[1]).object)).toEqual([8080, undefined]);
  });

  it('finds each port by the number that the pods agree on', () => {
    const one = deployment('one', [{ name: 'http', containerPort: 8080 }]);
    const same = inject(one, deployment('two', twoPorts), service([{ port: 80, targetPort: 'http' }]));
    expect(targets(same.objects[2])).toEqual(['tulle-in-8080']);
    const other = deployment('two', [{ name: 'http', containerPort: 8000 }]);
    const { objects, problems } = inject(one, other, service([{ port: 80, targetPort: 'http' }]));
    expect(targets(objects[2])).toEqual(['http']);
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: 'error', object: 'service/web', field: 'spec.ports[0].targetPort' }),
    );
  });

  it('stays as it is where a port would lead nowhere, and says so', () => {
    const { objects, problems } = inject(
      deployment('web', twoPorts, 'explicit', { 'config.tulle.dev/skip-inbound-ports': '9090' }),
      service([{ port: 1 }, { port: 9090 }, { port: 53, protocol: 'UDP' }]),
    );
    expect(targets(objects[1])).toEqual([undefined, undefined, undefined]);
    expect(problems.map(({ field }) => field)).toEqual([
      'metadata.labels',
      'spec.ports[0].targetPort',
      'spec.ports[1].targetPort',
    ]);
  });

  it('is not split from pods of the same label that are meshed otherwise', () => {
    const { objects, problems } = inject(
      deployment('web', twoPorts),
      deployment('old', twoPorts, 'enabled'),
      service([{ port: 80, targetPort: 8080 }]),
    );
    expect(targets(objects[2])).toEqual([8080]);
    expect(problems.find(({ object }) => object === 'service/web')).toMatchObject({
      severity: 'error',
      field: 'spec.selector',
      message: 'selects deployment/old too, not in explicit mode as deployment/web is: mesh all of them the same way',
    });
  });

  it('without an address of its own is told that plain clients go past the proxy', () => {
    const { problems } = inject(
      deployment('web', twoPorts),
      service([{ port: 8080 }, { port: 9090 }], { clusterIP: 'None' }),
    );
    expect(problems).toMatchObject([{ severity: 'warning', field: 'spec.clusterIP' }]);
  });

  it('may stand elsewhere: then the pod tells the target port that it must have', () => {
    const { problems } = inject(deployment('web', twoPorts));
    expect(problems).toMatchObject([
      {
        severity: 'warning',
        object: 'deployment/web',
        message:
          'no Service here leads to port 8080, 9090: one that stands elsewhere must have targetPort tulle-in-8080, tulle-in-9090',
      },
    ]);
  });
});

it('Services of other pods, and of other namespaces, stay as they are', () => {
  const foreign = service([{ port: 80 }]);
  foreign.metadata = { name: 'web', namespace: 'other' };
  const plain = service([{ port: 80, targetPort: 8080 }], { selector: { app: 'db' } });
  const { objects } = inject(deployment('web', twoPorts), foreign, plain);
  expect(objects.slice(1)).toEqual([foreign, plain]);
});

it('a listener never takes a port of the application', () => {
  const { objects } = inject(deployment('web', [{ containerPort: 14_143 }, { containerPort: 80 }]));
  expect(JSON.stringify(objects[0])).toContain('"14144=14143,14145=80"');
});

it('a target port that is null is that of the Service, as if it was not there', () => {
  const pods = deployment('web', [{ containerPort: 5555 }], 'enabled', { 'config.tulle.dev/opaque-ports': '5555' });
  for (const ports of [[{ port: 5555 }], [{ port: 5555, targetPort: null, protocol: null }]]) {
    const [told] = inject(service(ports), pods).objects;
    expect(told.metadata?.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '5555' });
  }
});
