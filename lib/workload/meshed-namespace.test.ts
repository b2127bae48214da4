import { ApiObject, App, Chart, Duration, Testing } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import {
  InboundPolicy,
  Injection,
  Interception,
  MeshedDeployment,
  MeshedNamespace,
  type MeshedNamespaceProps,
  MeshInjection,
  MeshReference,
  PodSecurity,
} from '../index.ts';
import { injectConfig, injectPod, type Manifest } from '../inject/index.ts';

function synth(props: MeshedNamespaceProps = {}, namespace: string | undefined = 'shop'): Manifest {
  const chart = new Chart(new App(), 'chart', { namespace });
  new MeshedNamespace(chart, 'namespace', props);
  return Testing.synth(chart)[0];
}
const pod = {
  metadata: { name: 'web' },
  spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 8080 }] }] },
};
const injected = (namespace: Manifest) => injectPod(pod, injectConfig(), { namespace: namespace.metadata });

it('has the name of its chart’s namespace, and stands in none itself', () => {
  expect(synth()).toEqual({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', annotations: { 'tulle.dev/inject': 'enabled' } },
  });
});

it('says of all of its pods what they do not say themselves', () => {
  const namespace = synth({
    name: 'orders',
    labels: { team: 'shop' },
    annotations: { contact: 'shop@example.com' },
    mesh: {
      injection: Injection.explicit(),
      inboundPolicy: InboundPolicy.deny(),
      opaquePorts: [5432],
      proxy: { outboundConnectTimeout: Duration.seconds(3) },
    },
    podSecurity: PodSecurity.restricted(),
  });
  expect(namespace).toMatchSnapshot();
  const { pod: meshed, report } = injected(namespace);
  expect(report).toMatchObject({ outcome: 'injected', problems: [] });
  const env = meshed.spec?.initContainers?.[0].env;
  expect(env).toContainEqual({ name: 'LINKERD2_PROXY_EXPLICIT_MODE', value: 'true' });
  expect(env).toContainEqual({ name: 'LINKERD2_PROXY_INBOUND_DEFAULT_POLICY', value: 'deny' });
  expect(env).toContainEqual({ name: 'LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT', value: '3000ms' });
});

it('without injection has settings for those pods that ask for it', () => {
  const { report } = injected(synth({ mesh: { injection: Injection.disabled(), opaquePorts: [1] } }));
  expect(report.outcome).toBe('skipped');
});

it.each([PodSecurity.privileged(), undefined])('intercepts where its pods may be what they want', (podSecurity) => {
  expect(injected(synth({ podSecurity })).report).toMatchObject({ outcome: 'injected', problems: [] });
});

it('is known to sidecars that are written at synth, in whatever chart and order', () => {
  const app = new App();
  const injection = Injection.static();
  const web = new MeshedDeployment(new Chart(app, 'web', { namespace: 'shop' }), 'web', {
    containers: [{ image: 'web:1', portNumber: 8080 }],
    mesh: { injection },
  });
  const items = {
    apiVersion: 'v1',
    kind: 'List',
    items: [{ apiVersion: 'v1', kind: 'Pod', ...pod, metadata: { name: 'web', namespace: 'shop' } }],
  };
  const lists = new Chart(app, 'lists', { namespace: 'shop' });
  const list = new ApiObject(lists, 'list', items);
  list.with(new MeshInjection({ injection }));
  new MeshedNamespace(new Chart(app, 'namespaces', { namespace: 'shop' }), 'namespace', {
    mesh: { inboundPolicy: InboundPolicy.deny(), proxy: { adminPort: 5191 } },
  });
  app.synthYaml();
  for (const object of [ApiObject.of(web), list]) {
    const text = JSON.stringify(object.toJson());
    expect(text).toContain('{"name":"LINKERD2_PROXY_INBOUND_DEFAULT_POLICY","value":"deny"}');
    expect(text).toContain('"containerPort":5191');
  }
});

it('that cannot be read fails the synth of sidecars in it, by its own name', () => {
  const chart = new Chart(new App(), 'chart', { namespace: 'shop' });
  new MeshedNamespace(chart, 'namespace', { annotations: { 'config.tulle.dev/access-log': 'yes' } });
  new MeshedDeployment(chart, 'web', { containers: [{ image: 'web:1', portNumber: 8080 }] });
  expect(() => Testing.synth(chart)).toThrow(
    '[chart/namespace/Resource] metadata.annotations["config.tulle.dev/access-log"] \'yes\' must be one of',
  );
});

it.each([PodSecurity.baseline(), PodSecurity.restricted()])(
  'fails the synth where it refuses the sidecars that it asks for, which is the mesh’s word',
  (podSecurity) => {
    const make = (interception?: Interception, injection?: Injection) => () => {
      const app = new App();
      new MeshedNamespace(new Chart(app, 'shop', { namespace: 'shop' }), 'namespace', {
        podSecurity,
        mesh: { injection },
      });
      MeshReference.of(app, { interception });
      app.synthYaml();
    };
    const message =
      `[shop/namespace] 'podSecurity' (${podSecurity.name}) refuses the init container of sidecars that intercept: ` +
      'take Injection.explicit(), or PodSecurity.privileged()';
    expect(make()).toThrow(message);
    expect(make(Interception.initContainer())).toThrow(message);
    expect(make(Interception.explicit(), Injection.ingress())).toThrow(message);
    expect(make(Interception.explicit())).not.toThrow();
    expect(make(undefined, Injection.explicit())).not.toThrow();
    expect(make(undefined, Injection.disabled())).not.toThrow();
  },
);

describe('refused is', () => {
  it.each<[MeshedNamespaceProps, string]>([
    [{ name: 'Shop' }, "'name' (Shop) must be a DNS label: lower-case letters, digits and -, at most 63"],
    [
      { mesh: { injection: Injection.static() } },
      "'injection' (static) must not be that of a namespace, whose pods are made elsewhere: take Injection.webhook()",
    ],
    [
      { mesh: { networkPolicy: false } },
      "'networkPolicy' (false) must not be that of a namespace: give it to its workloads",
    ],
    [
      { mesh: { proxy: { gateway: true } } },
      "'proxy' has enable-gateway, which pods do not take from their namespace: give it to its workloads",
    ],
    [{ mesh: { opaquePorts: [0] } }, "'opaquePorts' (0) must be ports from 1 to 65535: replace 0"],
    [
      { annotations: { 'tulle.dev/inject': 'disabled' } },
      "'annotations' has tulle.dev/inject: disabled, and the other props say enabled: leave it out, or say it by those",
    ],
    [
      { labels: { 'pod-security.kubernetes.io/warn': 'baseline' }, podSecurity: PodSecurity.privileged() },
      "'labels' has pod-security.kubernetes.io/warn: baseline, and the other props say privileged: leave it out, or say it by those",
    ],
  ])('%j', (props, message) => {
    expect(() => synth(props)).toThrow(new Error(message));
  });

  it('one that nothing names', () => {
    const chart = Testing.chart();
    expect(() => new MeshedNamespace(chart, 'namespace')).toThrow(
      "'name' must be given where the chart has no namespace",
    );
  });
});
