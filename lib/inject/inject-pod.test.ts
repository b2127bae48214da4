import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settings } from './annotations.ts';
import { injectConfig, injectPod, type PodTemplate, uninjectPod } from './index.ts';
import { wholeCores } from './proxy-env.ts';

const config = injectConfig();
const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const child of Object.values(value)) freeze(child);
  }
  return value;
};

const annotation = fc.tuple(
  fc.constantFrom(...settings.flatMap(({ keys }) => keys)),
  fc.oneof(fc.string(), fc.constantFrom('true', 'false', '8080', '100m', '5s', 'json', 'enabled', '3000-3010')),
);
const container = fc.record(
  {
    name: fc.constantFrom('web', 'cache', 'log'),
    image: fc.constant('shop/web:1'),
    ports: fc.array(
      fc.record({ containerPort: fc.integer({ min: 1, max: 65_535 }), protocol: fc.constantFrom('TCP', 'UDP') }),
    ),
    env: fc.array(fc.record({ name: fc.constantFrom('A', 'http_proxy', 'POD_IP'), value: fc.string() })),
  },
  { requiredKeys: ['name'] },
);
const anyPod: fc.Arbitrary<PodTemplate> = fc
  .record({
    mode: fc.constantFrom('enabled', 'ingress', 'explicit'),
    annotations: fc.array(annotation, { maxLength: 8 }),
    containers: fc.array(container, { minLength: 1, maxLength: 3 }),
    initContainers: fc.option(fc.array(container, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  })
  .map(({ mode, annotations, ...spec }) => ({
    metadata: { annotations: { ...Object.fromEntries(annotations), 'tulle.dev/inject': mode } },
    spec: spec.initContainers ? spec : { containers: spec.containers },
  }));

const withoutMetadata = ({ spec }: PodTemplate) => JSON.parse(JSON.stringify(spec));

describe('injectPod, whatever the annotations say', () => {
  it('adds exactly one proxy, changes nothing of what it was given, and is done after one time', () => {
    fc.assert(
      fc.property(anyPod, (pod) => {
        const { pod: injected, report } = injectPod(freeze(pod), config);
        expect(report.outcome).toBe('injected');
        const all = [...(injected.spec?.containers ?? []), ...(injected.spec?.initContainers ?? [])];
        expect(all.filter(({ name }) => name === 'tulle-proxy')).toHaveLength(1);
        expect(injectPod(injected, config).pod).toBe(injected);
      }),
    );
  });

  it('is taken out again without a trace in the specification', () => {
    fc.assert(
      fc.property(anyPod, (pod) => {
        const before = withoutMetadata(uninjectPod(pod));
        const after = withoutMetadata(uninjectPod(injectPod(pod, config).pod));
        expect(dropEmptyEnv(after)).toEqual(dropEmptyEnv(before));
      }),
    );
  });
});

/** A container with an empty list of variables is one with none. */
function dropEmptyEnv(spec: { containers: { env?: unknown[] }[]; initContainers?: { env?: unknown[] }[] }) {
  const drop = (containers: { env?: unknown[] }[] | undefined) =>
    containers?.map(({ env, ...rest }) => (env && env.length > 0 ? { ...rest, env } : rest));
  return { ...spec, containers: drop(spec.containers), initContainers: drop(spec.initContainers) };
}

describe('in explicit mode', () => {
  const explicit = (spec: PodTemplate['spec'], annotations: Record<string, string> = {}) =>
    injectPod({ metadata: { annotations: { 'tulle.dev/inject': 'explicit', ...annotations } }, spec }, config);
  const web = { name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: 8080 }] };

  it.each(['true', 'false'])('adds nothing that PodSecurity restricted refuses (native sidecar: %s)', (native) => {
    const { pod, report } = explicit({ containers: [web] }, { 'config.tulle.dev/proxy-enable-native-sidecar': native });
    const { containers = [], initContainers = [], volumes = [] } = pod.spec ?? {};
    const added = [...containers, ...initContainers].filter(({ name }) => name !== 'web');
    expect(added.map(({ name }) => name)).toEqual(['tulle-proxy']);
    for (const { securityContext, ports = [] } of added) {
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(securityContext).not.toHaveProperty('privileged');
      expect(securityContext).not.toHaveProperty('capabilities.add');
      expect(securityContext?.runAsUser).not.toBe(0);
      expect(ports.some((port) => 'hostPort' in port)).toBe(false);
    }
    const kinds = volumes.flatMap(({ name: _name, ...volume }) => Object.keys(volume));
    expect(kinds.every((kind) => ['emptyDir', 'projected'].includes(kind))).toBe(true);
    expect(report.problems).toEqual([]);
  });

  it('says that a debug container would be refused there', () => {
    const annotations = { 'config.tulle.dev/enable-debug-sidecar': 'true', 'config.tulle.dev/debug-image': 'debug:1' };
    expect(explicit({ containers: [web] }, annotations).report.problems).toMatchObject([
      { severity: 'warning', field: 'metadata.annotations["config.tulle.dev/enable-debug-sidecar"]' },
    ]);
  });

  it('tells init containers of the proxy too, which a native sidecar serves and another cannot', () => {
    const initContainers = [{ name: 'migrate', image: 'migrate:1' }];
    const told = (native: string) =>
      explicit({ containers: [web], initContainers }, { 'config.tulle.dev/proxy-enable-native-sidecar': native })
        .pod.spec?.initContainers?.find(({ name }) => name === 'migrate')
        ?.env?.map(({ name }) => name);
    expect(told('true')).toContain('http_proxy');
    expect(told('false')).toBeUndefined();
  });

  it('leaves ports and probes of the application as they are: the kubelet calls it past the proxy', () => {
    const probed = { ...web, readinessProbe: { httpGet: { path: '/healthy', port: 'http' } } };
    const [container] = explicit({ containers: [probed] }).pod.spec?.containers ?? [];
    expect(container.ports).toEqual(probed.ports);
    expect(container.readinessProbe).toEqual(probed.readinessProbe);
  });
});

it('takes pods whose optional parts are null, as YAML files have them', () => {
  const pod = {
    metadata: { labels: null, annotations: { 'tulle.dev/inject': 'enabled' } },
    spec: { containers: [{ name: 'web', ports: null, env: null }], volumes: null },
  };
  expect(injectPod(pod as never, config).report).toMatchObject({ outcome: 'injected', problems: [] });
});

it('tells clients by an annotation which ports of the pod the defaults of the mesh keep from its sidecar', () => {
  const ports = [{ containerPort: 9093 }, { containerPort: 8080 }, { containerPort: 5432 }];
  const annotated = (annotations: Record<string, string> = {}) =>
    injectPod(
      {
        metadata: { annotations: { 'tulle.dev/inject': 'enabled', ...annotations } },
        spec: { containers: [{ name: 'kafka', image: 'kafka:3', ports }] },
      },
      injectConfig({ defaults: { skipInboundPorts: [{ from: 9090, to: 9099 }] } }),
    ).pod.metadata?.annotations;
  expect(annotated()).toMatchObject({
    'config.tulle.dev/skip-inbound-ports': '9093',
    'config.tulle.dev/opaque-ports': '5432',
  });
  const own = { 'config.linkerd.io/skip-inbound-ports': '8080' };
  expect(annotated(own)).toMatchObject(own);
  expect(annotated(own)).not.toHaveProperty(['config.tulle.dev/skip-inbound-ports']);
});

it.each([
  ['1m', 1],
  ['999m', 1],
  ['1001m', 2],
  ['1', 1],
  ['1.5', 2],
  ['2', 2],
])('a CPU quantity of %s is %i cores', (quantity, cores) => {
  expect(wholeCores(quantity)).toBe(cores);
});
