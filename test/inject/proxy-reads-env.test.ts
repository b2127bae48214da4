import { expect, it } from 'vitest';
import { type Container, type EnvVar, injectConfig, injectPod } from '../../lib/inject/index.ts';
import { readConfig } from '../../proxy/config.ts';

/** What the kubelet makes of an environment: references filled in, `$(name)` expanded from the entries above. */
function resolve(env: readonly EnvVar[]): Record<string, string> {
  const fields: Record<string, string> = {
    'metadata.name': 'web-1',
    'metadata.namespace': 'shop',
    'metadata.uid': 'a-b',
    'spec.nodeName': 'node-1',
    'spec.serviceAccountName': 'web',
    'status.podIP': '127.9.0.1',
    'status.podIPs': '127.9.0.1',
  };
  const values: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    const field = (valueFrom?.fieldRef as { fieldPath: string } | undefined)?.fieldPath;
    values[name] = valueFrom
      ? field === undefined
        ? '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n'
        : fields[field]
      : (value ?? '').replace(/\$\(([^)]+)\)/g, (reference, key) => values[key] ?? reference);
  }
  return values;
}

function environmentFor(mode: string, annotations: Record<string, string> = {}): Record<string, string> {
  const { pod } = injectPod(
    {
      metadata: { annotations: { 'tulle.dev/inject': mode, ...annotations } },
      spec: { containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] },
    },
    injectConfig(),
  );
  const sidecar = pod.spec?.initContainers?.find(({ name }) => name === 'tulle-proxy') as Container;
  return resolve(sidecar.env ?? []);
}

const configFor = (mode: string, annotations: Record<string, string> = {}) =>
  readConfig(environmentFor(mode, annotations));

it('the proxy accepts the environment that is injected, and knows itself by it', () => {
  const config = configFor('enabled');
  expect(config.explicit).toBe(false);
  expect(config.identity?.localName).toBe('web.shop.serviceaccount.identity.tulle.cluster.local');
  expect(config.identity?.address.serverName).toBe('tulle-identity.tulle.serviceaccount.identity.tulle.cluster.local');
  expect(config.destination.address.host).toBe('tulle-dst-headless.tulle.svc.cluster.local.');
  expect(config.destination.namespace).toBe('shop');
  expect(config.inbound.listen).toEqual([{ host: '0.0.0.0', port: 4143 }]);
  expect(config.outbound.listen).toEqual([{ host: '127.0.0.1', port: 4140 }]);
  expect([...config.inbound.ips]).toEqual(['127.9.0.1']);
});

it('in explicit mode it listens on the address of its pod', () => {
  const config = configFor('explicit');
  expect(config.explicit).toBe(true);
  expect(config.inbound.ports).toEqual([8080]);
  expect(config.inbound.listen).toEqual([{ host: '127.9.0.1', port: 4143 }]);
  expect(config.outbound.listen).toEqual([{ host: '127.9.0.1', port: 4140 }]);
  expect(config.admin.listen).toEqual([{ host: '127.9.0.1', port: 4191 }]);
});

it('settings reach it', () => {
  const config = configFor('enabled', {
    'config.tulle.dev/opaque-ports': '9000-9001',
    'config.tulle.dev/proxy-outbound-connect-timeout': '2s',
    'config.tulle.dev/proxy-disable-inbound-protocol-detect-timeout': 'true',
    'config.tulle.dev/default-inbound-policy': 'deny',
    'config.tulle.dev/proxy-log-format': 'json',
    'config.tulle.dev/trace-collector': 'collector.tracing:4317',
    'config.tulle.dev/trace-collector-service-account': 'otel',
    'config.tulle.dev/trace-sample-rate': '0.25',
    'resource.opentelemetry.io/team': 'shop',
  });
  expect([...config.inbound.opaquePorts]).toEqual([9000, 9001]);
  expect(config.outbound.connectTimeoutMs).toBe(2000);
  expect(config.inbound.detectTimeoutMs).toBeGreaterThan(86_400_000);
  expect(config.inbound.defaultPolicy).toBe('deny');
  expect(config.log.format).toBe('json');
  expect(config.tracing).toMatchObject({
    collector: { host: 'collector.tracing', serverName: 'otel.tracing.serviceaccount.identity.tulle.cluster.local' },
    serviceName: 'web',
    sampleRate: 0.25,
  });
  expect(config.tracing?.attributes.get('k8s.pod.name')).toBe('web-1');
  expect(config.tracing?.attributes.get('team')).toBe('shop');
});

it.each(['enabled', 'ingress', 'explicit'])('a sidecar with every default (%s) is warned of nothing', (mode) => {
  const { withoutEffect } = configFor(mode);
  expect(withoutEffect.filter(({ harmless }) => !harmless)).toEqual([]);
});

it('every variable that is injected has an effect, or the proxy says that it has none', () => {
  const annotations = {
    'config.tulle.dev/access-log': 'apache',
    'config.tulle.dev/statsd-address': 'node:8125',
    'config.tulle.dev/enable-gateway': 'true',
    'config.tulle.dev/proxy-metrics-hostname-labels': 'true',
    'config.tulle.dev/proxy-require-identity-inbound-ports': '8080',
    'config.tulle.dev/proxy-cpu-request': '1',
    'config.tulle.dev/proxy-cpu-limit': '2',
    'config.tulle.dev/proxy-cpu-ratio-limit': '0.5',
    'config.tulle.dev/proxy-disable-inbound-protocol-detect-timeout': 'true',
    'config.tulle.dev/proxy-disable-outbound-protocol-detect-timeout': 'true',
    'config.tulle.dev/shutdown-grace-period': '60s',
  };
  for (const mode of ['enabled', 'ingress', 'explicit']) {
    const { withoutEffect } = configFor(mode, annotations);
    expect(withoutEffect.filter(({ reason }) => reason.includes('misspelt'))).toEqual([]);
    expect(withoutEffect.filter(({ harmless }) => !harmless).map(({ variable }) => variable)).toEqual([
      'LINKERD2_PROXY_INBOUND_GATEWAY_SUFFIXES',
    ]);
  }
});

it('ingress mode reaches it, and its clients are told nothing of the mesh', () => {
  const { outbound } = configFor('ingress');
  expect([outbound.ingressMode, outbound.informationalHeaders]).toEqual([true, false]);
  expect(configFor('enabled').outbound.ingressMode).toBe(false);
});
