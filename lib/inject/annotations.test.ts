import { describe, expect, it } from 'vitest';
import { applyAnnotations, settings } from './annotations.ts';
import { defaultProxySettings } from './config.ts';
import type { InjectProblem } from './report.ts';

const workload = { object: 'deployment/web', field: 'metadata.annotations', level: 'workload' } as const;

function read(annotations: Record<string, string>, level: 'workload' | 'namespace' = 'workload') {
  const problems: InjectProblem[] = [];
  const result = applyAnnotations(defaultProxySettings, { annotations }, { ...workload, level }, problems);
  return { result, problems };
}

/** A value that each setting takes and that differs from its default. */
const samples: Record<string, string> = {
  'trace-collector': 'collector:4317',
  'trace-collector-protocol': 'zipkin',
  'trace-sample-rate': '0.5',
  'proxy-image': 'mirror/proxy',
  'proxy-version': '9.9.9',
  'image-pull-policy': 'Always',
  'skip-inbound-ports': '9000-9100',
  'skip-outbound-ports': '6379',
  'skip-subnets': '10.1.0.0/16,fd00::/8',
  'opaque-ports': '3306,mysql',
  'proxy-require-identity-inbound-ports': '8080',
  'proxy-cpu-ratio-limit': '0.5',
  'proxy-log-level': 'debug',
  'proxy-log-format': 'json',
  'proxy-log-http-headers': 'insecure',
  'access-log': 'apache',
  'statsd-address': 'node:8125',
  'statsd-tags': 'none',
  'proxy-await': 'disabled',
  'tap-enabled': 'false',
  'tap-bodies': 'enabled',
  'proxy-admin-shutdown': 'enabled',
  'proxy-enable-native-sidecar': 'false',
  'default-inbound-policy': 'deny',
  'proxy-additional-env': '[{"name":"A","value":"b"}]',
  'debug-image': 'mirror/debug',
  'debug-image-version': '1',
  'debug-image-pull-policy': 'Never',
};
const sampleOf = (name: string) =>
  samples[name] ??
  (/port$/.test(name)
    ? '5000'
    : /timeout|period/.test(name) && !name.includes('disable')
      ? '7s'
      : /request|limit/.test(name)
        ? '100m'
        : /id$|seconds$/.test(name)
          ? '77'
          : 'true');

describe('annotations', () => {
  it.each(settings.map(({ name }) => name))('%s is read under both prefixes', (name) => {
    for (const prefix of ['config.tulle.dev/', 'config.linkerd.io/']) {
      const key =
        name === 'proxy-wait-before-exit-seconds' && prefix.includes('linkerd') ? 'config.alpha.linkerd.io/' : prefix;
      const { result, problems } = read({ [key + name]: sampleOf(name) });
      expect(problems).toEqual([]);
      expect(result).not.toEqual(defaultProxySettings);
    }
  });

  it("leaves untapped what Linkerd's extension would leave, unless the mesh's own setting says otherwise", () => {
    expect(read({ 'viz.linkerd.io/disable-tap': 'true' }).result.tap).toBe(false);
    const both = { 'viz.linkerd.io/disable-tap': 'true', 'config.tulle.dev/tap-enabled': 'true' };
    expect(read(both).result.tap).toBe(true);
  });

  it('prefers our prefix to the alias on one object', () => {
    const { result } = read({ 'config.linkerd.io/admin-port': '1', 'config.tulle.dev/admin-port': '2' });
    expect(result.adminPort).toBe(2);
  });

  it.each([
    ['opaque-ports', '1,70000', 'ports, ranges and names of container ports such as 25,4000-4100,mysql'],
    ['proxy-cpu-limit', '1Gi', 'a CPU quantity such as 100m or 1.5'],
    ['proxy-cpu-request', '0', 'a CPU quantity such as 100m or 1.5'],
    ['proxy-memory-limit', 'much', 'a Kubernetes quantity such as 96Mi or 1.5Gi'],
    ['proxy-cpu-ratio-limit', '1', 'a number between 0 and 1 such as 0.25'],
    ['skip-subnets', '10.0.0.0/33', 'networks such as 10.0.0.0/8,fd00::/8'],
    ['proxy-uid', '0', 'a user id of 1 or more: the proxy does not run as root'],
    ['proxy-outbound-connect-timeout', '10', 'a duration such as 500ms, 10s or 1m30s'],
    ['statsd-address', 'statsd', 'host:port, node:port or unix:/path, such as statsd.monitoring:8125'],
    ['access-log', 'yes', 'one of off, apache, json'],
  ])('tells where %s is wrong, and goes on with the rest', (name, value, expected) => {
    const { result, problems } = read({ [`config.tulle.dev/${name}`]: value, 'config.tulle.dev/admin-port': '5' });
    expect(problems).toEqual([
      {
        severity: 'error',
        object: 'deployment/web',
        field: `metadata.annotations["config.tulle.dev/${name}"]`,
        message: `'${value}' must be ${expected}`,
        consequence: 'the value is ignored',
      },
    ]);
    expect(result).toEqual({ ...defaultProxySettings, adminPort: 5 });
  });

  it('says of additional environment that it is wrong, and not what it holds', () => {
    const { problems } = read({ 'config.tulle.dev/proxy-additional-env': '[{"name":"A","value":"secret"}' });
    expect(problems.map(({ message }) => message)).toEqual([
      'the value must be a JSON list of environment variables such as [{"name":"A","value":"b"}]',
    ]);
  });

  it.each(['toString', 'valueOf', '__proto__', 'hasOwnProperty'])(
    'takes %s for no value of any setting but a text',
    (value) => {
      const free = new Set([
        'proxy-image',
        'proxy-version',
        'debug-image',
        'debug-image-version',
        'trace-collector-service-account',
        'trace-service-name',
      ]);
      const named = settings.filter(({ name }) => !free.has(name));
      for (const { keys, name } of named) expect(read({ [keys[0]]: value }).problems, name).toHaveLength(1);
    },
  );

  it('tells of a name that is no setting', () => {
    expect(read({ 'config.tulle.dev/opaque-port': '1' }).problems[0].message).toBe('is not a setting of the sidecar');
  });

  it('inherits from the namespace what Linkerd inherits, and no more', () => {
    const { result } = read(
      { 'config.tulle.dev/enable-gateway': 'true', 'config.tulle.dev/proxy-log-format': 'json' },
      'namespace',
    );
    expect(result).toEqual({ ...defaultProxySettings, logFormat: 'json' });
  });
});
