import { expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const anchors = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';
const minimal = {
  LINKERD2_PROXY_DESTINATION_SVC_ADDR: 'localhost.:8086',
  LINKERD2_PROXY_IDENTITY_SVC_ADDR: 'tulle-identity-headless.tulle.svc.cluster.local.:8080',
  LINKERD2_PROXY_IDENTITY_SVC_NAME: 'tulle-identity.tulle.serviceaccount.identity.tulle.cluster.local',
  LINKERD2_PROXY_IDENTITY_LOCAL_NAME: 'web.shop.serviceaccount.identity.tulle.cluster.local',
  LINKERD2_PROXY_IDENTITY_TOKEN_FILE: '/var/run/secrets/tokens/linkerd-identity-token',
  LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS: anchors,
};

test('a minimal environment gives the defaults', () => {
  const config = readConfig(minimal);
  expect(config.explicit).toBe(false);
  expect(config.inbound.listen).toEqual([{ host: '0.0.0.0', port: 4143 }]);
  expect(config.outbound.listen).toEqual([{ host: '127.0.0.1', port: 4140 }]);
  expect(config.admin.listen).toEqual([{ host: '127.0.0.1', port: 4191 }]);
  expect(config.outbound.failfastMs).toBe(3000);
  expect(config.inbound.defaultPolicy).toBe('all-unauthenticated');
  expect(config.shutdownGraceMs).toBe(120_000);
  expect(config.destination.serviceSuffix).toBe('svc.cluster.local');
});

test('values are read in their units', () => {
  const config = readConfig({
    ...minimal,
    LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS: '127.0.0.1:4140,[::1]:4140',
    LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT: '250ms',
    LINKERD2_PROXY_SHUTDOWN_GRACE_PERIOD: '2m',
    LINKERD2_PROXY_HTTP_STALL_TIMEOUT: '1m',
    LINKERD2_PROXY_INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION: '25,9200-9202',
    LINKERD2_PROXY_DESTINATION_CONTEXT: '{"ns":"shop","nodeName":"n1","pod":"web-1"}',
    LINKERD2_PROXY_EXPLICIT_MODE: 'true',
    LINKERD2_PROXY_LOG: 'WARN',
    LINKERD2_PROXY_INBOUND_DETECT_TIMEOUT: '8760h',
    LINKERD2_PROXY_INBOUND_PORTS: '8080,9090',
  });
  expect(config.outbound.listen.map(({ host }) => host)).toEqual(['127.0.0.1', '::1']);
  expect(config.outbound.connectTimeoutMs).toBe(250);
  expect(config.shutdownGraceMs).toBe(120_000);
  expect(config.log.filter).toBe('WARN');
  expect(config.inbound.detectTimeoutMs).toBe(8760 * 3_600_000);
  expect(config.deadlines).toEqual({ headMs: 30_000, stallMs: 60_000, closeMs: 10_000, idleMs: 3_600_000 });
  expect([...config.inbound.opaquePorts]).toEqual([25, 9200, 9201, 9202]);
  expect(config.destination.namespace).toBe('shop');
  expect(config.inbound.ports).toEqual([8080, 9090]);
});

test('every bad variable is named, with its value and what it must be', () => {
  const read = () =>
    readConfig({
      ...minimal,
      LINKERD2_PROXY_IDENTITY_SVC_NAME: undefined,
      LINKERD2_PROXY_INBOUND_LISTEN_ADDR: 'here',
      LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT: '1 minute',
      LINKERD2_PROXY_INBOUND_DEFAULT_POLICY: 'allow',
      LINKERD2_PROXY_DESTINATION_CONTEXT: 'shop',
      LINKERD2_PROXY_LOG: 'loud',
      LINKERD2_PROXY_INBOUND_PORTS: '80,http',
    });
  expect(read).toThrow(ConfigError);
  try {
    read();
  } catch (error) {
    expect((error as ConfigError).problems).toMatchInlineSnapshot(`
      [
        "LINKERD2_PROXY_INBOUND_LISTEN_ADDR (here) must be an IP address and port such as 127.0.0.1:4140",
        "LINKERD2_PROXY_INBOUND_PORTS (http) must be a port",
        "LINKERD2_PROXY_INBOUND_DEFAULT_POLICY (allow) must be one of all-unauthenticated, all-authenticated, cluster-unauthenticated, cluster-authenticated, all-tls-unauthenticated, cluster-tls-unauthenticated, audit, deny",
        "LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT (1 minute) must be a duration such as 100ms, 3s, 2m, 1h or 1d",
        "LINKERD2_PROXY_DESTINATION_CONTEXT (shop) must be JSON such as {"ns":"shop","nodeName":"node-1","pod":"web-1"}",
        "LINKERD2_PROXY_IDENTITY_SVC_NAME must be set: tulle-identity-headless.tulle.svc.cluster.local. is not this host, so it has to prove its identity",
        "LINKERD2_PROXY_LOG (loud) must be directives such as warn,linkerd=info: 'loud' is no log directive: write a level (trace, debug, info, warn, error, off) or target=level",
      ]
    `);
  }
});

test('identity can be switched off, and then needs no token', () => {
  const config = readConfig({
    LINKERD2_PROXY_DESTINATION_SVC_ADDR: '127.0.0.1:8086',
    LINKERD2_PROXY_IDENTITY_DISABLED: '1',
  });
  expect(config.identity).toBeUndefined();
});

test('what is set and changes nothing is told, with what is missed; its value is not', () => {
  const { withoutEffect } = readConfig({
    ...minimal,
    LINKERD2_PROXY_TRACE_COLLECTOR: 'collector:4317',
    LINKERD2_PROXY_INBOUND_CONECT_TIMEOUT: '1s',
    LINKERD2_PROXY_IDENTITY_DIR: '/var/run/linkerd',
    LINKERD2_PROXY_OUTBOUND_METRICS_HOSTNAME_LABELS: 'false',
    LINKERD2_PROXY_ACCESS_LOG: '',
    OTHER: 'x',
  });
  expect(withoutEffect).toEqual([
    {
      variable: 'LINKERD2_PROXY_TRACE_COLLECTOR',
      reason: 'there is no such setting of traces: see TRACE_PROTOCOL and those beside it',
      harmless: false,
    },
    {
      variable: 'LINKERD2_PROXY_INBOUND_CONECT_TIMEOUT',
      reason: 'there is no variable of this name: is it misspelt?',
      harmless: false,
    },
    {
      variable: 'LINKERD2_PROXY_IDENTITY_DIR',
      reason: 'key and certificate are kept in memory alone',
      harmless: true,
    },
  ]);
});

test('what a section that is switched off would need is not taken for misspelt', () => {
  const { withoutEffect } = readConfig({
    ...minimal,
    LINKERD2_PROXY_IDENTITY_DISABLED: '1',
    LINKERD2_PROXY_POLICY_SVC_NAME: 'policy',
  });
  expect(withoutEffect).toEqual([]);
});

test("a connection pool may have Linkerd's name for its size, and no idle time that would be a busy loop", () => {
  const config = readConfig({
    ...minimal,
    LINKERD2_PROXY_MAX_IDLE_CONNS_PER_ENDPOINT: '7',
    LINKERD2_PROXY_OUTBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT: '0',
  });
  expect(config.inbound.maxIdlePerEndpoint).toBe(7);
  expect(config.outbound.http1IdleMs).toBe(100);
});

test('nothing is traced without a collector; with one, what it is told of, and how much, has defaults', () => {
  expect(readConfig(minimal).tracing).toBeUndefined();
  const collector = { LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: 'collector.tracing.svc.cluster.local.:4317' };
  expect(readConfig({ ...minimal, ...collector }).tracing).toEqual({
    collector: { host: 'collector.tracing.svc.cluster.local.', port: 4317, serverName: undefined },
    protocol: 'opentelemetry',
    path: '',
    serviceName: 'linkerd-proxy',
    attributesFile: undefined,
    attributes: new Map(),
    sampleRate: 0,
  });
});

test('traces tell attributes as Linkerd writes them and as OpenTelemetry does, which goes first', () => {
  const { tracing } = readConfig({
    ...minimal,
    LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: 'localhost:9411',
    LINKERD2_PROXY_TRACE_COLLECTOR_SVC_NAME: 'zipkin.tracing.serviceaccount.identity.tulle.cluster.local',
    LINKERD2_PROXY_TRACE_PROTOCOL: 'zipkin',
    LINKERD2_PROXY_TRACE_SAMPLE_RATE: '0.01',
    LINKERD2_PROXY_TRACE_EXTRA_ATTRIBUTES: 'k8s.pod.uid=1\nempty=\nteam="shop"\nkey3\n=key4\nkey2==value2\n',
    OTEL_RESOURCE_ATTRIBUTES: 'team=web,rack=7',
  });
  expect(tracing).toMatchObject({ protocol: 'zipkin', path: '/api/v2/spans', sampleRate: 0.01 });
  expect([...(tracing?.attributes ?? [])]).toEqual([
    ['k8s.pod.uid', '1'],
    ['empty', ''],
    ['team', 'web'],
    ['key2', '=value2'],
    ['rack', '7'],
  ]);
});

test('what cannot be meant of traces stops the start, each with its variable', () => {
  expect(() =>
    readConfig({
      ...minimal,
      LINKERD2_PROXY_IDENTITY_DISABLED: '1',
      LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: 'collector:4317',
      LINKERD2_PROXY_TRACE_COLLECTOR_SVC_NAME: 'collector',
      LINKERD2_PROXY_TRACE_PROTOCOL: 'opencensus',
      LINKERD2_PROXY_TRACE_COLLECTOR_PATH: 'v1',
      LINKERD2_PROXY_TRACE_SAMPLE_RATE: '1.5',
    }),
  ).toThrow(
    [
      'LINKERD2_PROXY_TRACE_PROTOCOL (opencensus) must be one of opentelemetry, otlp-http, zipkin',
      'LINKERD2_PROXY_TRACE_COLLECTOR_PATH (v1) must be a path such as /v1/traces',
      'LINKERD2_PROXY_TRACE_SAMPLE_RATE (1.5) must be a number from 0 to 1',
      'LINKERD2_PROXY_TRACE_COLLECTOR_SVC_NAME (collector) needs identity, which is disabled: leave it out',
    ].join('\n  '),
  );
  expect(() => readConfig({ ...minimal, LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: 'collector' })).toThrow(
    'LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR (collector) must be a host and port',
  );
});
