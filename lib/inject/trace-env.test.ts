import { describe, expect, it } from 'vitest';
import { type Container, injectConfig, injectPod } from './index.ts';

/** What tells a sidecar of traces, without the prefix, and what was wrong. */
function injected(annotations: Record<string, string>, { namespace = {}, isOwned = true } = {}) {
  const { pod, report } = injectPod(
    {
      metadata: { annotations: { 'tulle.dev/inject': 'enabled', ...annotations } },
      spec: { containers: [{ name: 'a' }] },
    },
    injectConfig(),
    {
      namespace: { name: 'shop', annotations: namespace },
      ...(isOwned ? { owner: { kind: 'Deployment', name: 'web' } } : {}),
    },
  );
  const sidecar = pod.spec?.initContainers?.find(({ name }) => name === 'tulle-proxy') as Container;
  const prefix = 'LINKERD2_PROXY_TRACE_';
  const variables = (sidecar.env ?? []).filter(({ name }) => name.startsWith(prefix));
  const environment = Object.fromEntries(variables.map(({ name, value }) => [name.slice(prefix.length), value]));
  return { environment, problems: report.problems.map(({ field, message }) => `${field} ${message}`) };
}

const collector = { 'config.linkerd.io/trace-collector': 'collector.tracing:4317' };

describe('the settings of traces', () => {
  it('are none where no collector is named', () => {
    expect(injected({ 'config.tulle.dev/trace-sample-rate': '1' }).environment).toEqual({});
  });

  it("are Linkerd's, under its names", () => {
    const account = { 'config.alpha.linkerd.io/trace-collector-service-account': 'otel' };
    expect(injected({ ...collector, ...account }).environment).toMatchObject({
      COLLECTOR_SVC_ADDR: 'collector.tracing:4317',
      COLLECTOR_SVC_NAME: 'otel.tracing.serviceaccount.identity.tulle.cluster.local',
      PROTOCOL: 'opentelemetry',
      SERVICE_NAME: 'web',
    });
  });

  it.each([
    ['collector:4317', '$(_pod_ns)'],
    ['10.0.0.7:4317', '$(_pod_ns)'],
    ['[fd00::7]:4317', '$(_pod_ns)'],
    ['collector.tracing.svc.cluster.local.:4317', 'tracing'],
  ])('find the namespace of the collector at %s', (address, namespace) => {
    const { environment } = injected({
      'config.tulle.dev/trace-collector': address,
      'config.tulle.dev/trace-collector-service-account': 'otel',
    });
    expect(environment['COLLECTOR_SVC_NAME']).toBe(`otel.${namespace}.serviceaccount.identity.tulle.cluster.local`);
  });

  it('are those of the namespace, unless the workload says otherwise', () => {
    const namespace = { ...collector, 'config.tulle.dev/trace-sample-rate': '0.5' };
    expect(injected({}, { namespace }).environment['SAMPLE_RATE']).toBe('0.5');
    expect(injected({ 'config.tulle.dev/trace-sample-rate': '1' }, { namespace }).environment['SAMPLE_RATE']).toBe('1');
    expect(injected({ 'config.tulle.dev/trace-collector': 'off' }, { namespace }).environment).toEqual({});
  });

  it('call a pod that nobody made by its service account', () => {
    expect(injected(collector, { isOwned: false }).environment['SERVICE_NAME']).toBe('$(_pod_sa)');
  });

  it('tell attributes of the pod, each in a line of its own that nothing is expanded in', () => {
    const attributes = {
      'resource.opentelemetry.io/team': 'shop\nk8s.pod.name=other',
      'resource.opentelemetry.io/secret': '$(TOKEN)',
    };
    const lines = injected({ ...collector, ...attributes }).environment['EXTRA_ATTRIBUTES']?.split('\n');
    expect(lines).toContain('k8s.pod.name=$(_pod_name)');
    expect(lines?.slice(-2)).toEqual(['team=shop k8s.pod.name=other', 'secret=$$(TOKEN)']);
  });

  it.each([
    ['trace-collector', 'collector', 'a host and port such as collector.tracing.svc.cluster.local.:4317, or off'],
    ['trace-collector', 'http://collector:4317', 'a host and port such as'],
    ['trace-collector', 'collector:0', 'a host and port such as'],
    ['trace-collector', 'collector:70000', 'a host and port such as'],
    ['trace-collector-protocol', 'opencensus', 'one of opentelemetry, otlp-http, zipkin'],
    ['trace-sample-rate', '2', 'a number from 0 to 1 such as 0.01'],
    ['trace-sample-rate', '-1', 'a number from 0 to 1'],
  ])('%s: %s is told, and changes nothing', (name, value, expected) => {
    const key = `config.tulle.dev/${name}`;
    const { problems } = injected({ [key]: value });
    expect(problems).toEqual([
      expect.stringContaining(`metadata.annotations["${key}"] '${value}' must be ${expected}`),
    ]);
  });
});
