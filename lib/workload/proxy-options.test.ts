import { App, Chart, Duration, Size } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { settingKey } from '../contract/annotations.ts';
import {
  AccessLog,
  InboundPolicy,
  Injection,
  type MeshOptions,
  MeshReference,
  type ProxyOptions,
  PullPolicy,
  Statsd,
  StatsdTags,
  Tracing,
} from '../index.ts';
import { applyAnnotations, settings } from '../inject/annotations.ts';
import { defaultProxySettings, type ProxySettings } from '../inject/config.ts';
import type { InjectProblem } from '../inject/report.ts';
import { installationOf } from '../mesh/installation.ts';
import { annotationsOf } from './mesh-options.ts';

/** Every property, with a value that is not its default; the compiler asks for those that are new. */
const proxy: Required<ProxyOptions> = {
  image: 'registry.example:5000/mesh/proxy',
  version: '9.9.9',
  imagePullPolicy: PullPolicy.always(),
  inboundPort: 5143,
  outboundPort: 5140,
  adminPort: 5191,
  controlPort: 5190,
  userId: 3000,
  groupId: 3001,
  cpuRequestMillis: 50,
  cpuLimitMillis: 500,
  cpuRatioLimit: 0.25,
  memoryRequest: Size.mebibytes(30),
  memoryLimit: Size.mebibytes(96),
  ephemeralStorageRequest: Size.mebibytes(1),
  ephemeralStorageLimit: Size.mebibytes(2),
  logLevel: 'debug',
  logJson: true,
  logHttpHeaders: true,
  accessLog: AccessLog.apache(),
  statsd: Statsd.node(8125, StatsdTags.LIBRATO),
  metricsHostnameLabels: true,
  externalProfiles: true,
  gateway: true,
  tap: false,
  tapBodies: true,
  inboundConnectTimeout: Duration.millis(200),
  outboundConnectTimeout: Duration.seconds(2),
  inboundDiscoveryIdleTimeout: Duration.minutes(2),
  outboundDiscoveryIdleTimeout: Duration.seconds(9),
  inboundDetectTimeoutDisabled: true,
  outboundDetectTimeoutDisabled: true,
  shutdownGracePeriod: Duration.seconds(30),
  closeWaitTimeout: Duration.hours(1),
  nativeSidecar: false,
  awaitProxy: false,
  adminShutdown: true,
  waitBeforeExit: Duration.seconds(5),
  environment: { A: 'b' },
  debugContainer: true,
  debugImage: 'tools',
  debugImageVersion: '1.0',
  debugImagePullPolicy: PullPolicy.never(),
};
const options: Required<Omit<MeshOptions, 'injection' | 'networkPolicy'>> = {
  opaquePorts: [5432],
  skipInboundPorts: [25],
  skipOutboundPorts: [26],
  skipSubnets: ['10.0.0.0/8'],
  requireIdentityOnPorts: [8080],
  inboundPolicy: InboundPolicy.deny(),
  tracing: Tracing.otlpHttp({
    collector: 'collector.tracing:4318',
    sampleRate: 0.1,
    collectorServiceAccount: 'collector',
    serviceName: 'web',
  }),
  proxy,
};

it('every setting of the sidecar has a typed property', () => {
  // `disable-tap` says `tap-enabled` the other way round.
  const all = settings.filter(({ name }) => name !== 'disable-tap');
  const said = Object.keys(annotationsOf(options)).sort();
  expect(said).toEqual(all.map(({ name }) => settingKey(name)).sort());
});

it('every property is read by the injector as it is meant, and changes something', () => {
  const problems: InjectProblem[] = [];
  const place = { object: 'deployment/web', field: 'metadata.annotations', level: 'workload' } as const;
  const read = applyAnnotations(defaultProxySettings, { annotations: annotationsOf(options) }, place, problems);
  expect(problems).toEqual([]);
  const unchanged = Object.keys(read).filter(
    (key) => read[key as keyof ProxySettings] === defaultProxySettings[key as keyof ProxySettings],
  );
  expect(unchanged).toEqual([]);
  expect(read).toMatchSnapshot();
});

it('a mesh takes all of them as the defaults of its sidecars', () => {
  const app = new App();
  MeshReference.of(new Chart(app, 'chart'), { proxy });
  expect(installationOf(app).defaults).toMatchObject({ debugImage: 'tools', gateway: true, waitBeforeExitSeconds: 5 });
});

it('switches that are off say so, against a namespace that has them on', () => {
  const off = annotationsOf({
    proxy: { logJson: false, logHttpHeaders: false, accessLog: AccessLog.off(), gateway: false, adminShutdown: false },
  });
  expect(Object.values(off)).toEqual(['plain', 'off', 'off', 'false', 'disabled']);
});

describe('refused is', () => {
  it.each<[ProxyOptions, string]>([
    [
      { image: 'Registry/Proxy' },
      "'image' (Registry/Proxy) must be an image such as registry.example/mesh/tulle-proxy, in lower case",
    ],
    [
      { image: 'mesh/proxy:1.0' },
      "'image' (mesh/proxy:1.0) must be an image without tag and digest: say those as its version",
    ],
    [{ image: 'a..b:x/proxy' }, "'image' (a..b:x/proxy) must begin with a registry such as registry.example:5000"],
    [
      { image: 'mesh//proxy' },
      "'image' (mesh//proxy) must be an image such as registry.example/mesh/tulle-proxy, in lower case",
    ],
    [{ debugImage: ' ' }, "'debugImage' (' ') must not be empty: leave it out for the default"],
    [
      { version: '1 0' },
      "'version' (1 0) must be a tag such as 1.2.0, of letters, digits, _, . and -, at most 128 of them; @sha256:… may follow",
    ],
    [{ version: '' }, "'version' ('') must not be empty: leave it out for the default"],
    [{ adminPort: 0 }, "'adminPort' (0) must be a port from 1 to 65535"],
    [{ inboundPort: 4143.5 }, "'inboundPort' (4143.5) must be a port from 1 to 65535"],
    [
      { inboundPort: 5000, controlPort: 5000 },
      "'controlPort' (5000) must not be the same as 'inboundPort' (5000): give one of them another port",
    ],
    [{ userId: 0 }, "'userId' (0) must be a user id of 1 or more: the proxy does not run as root"],
    [{ groupId: -2 }, "'groupId' (-2) must be a group id of 0 or more, or -1 for none"],
    [{ cpuRatioLimit: 1 }, "'cpuRatioLimit' (1) must be a number between 0 and 1 such as 0.25"],
    [
      { cpuRequestMillis: Number.NaN },
      "'cpuRequestMillis' (NaN) must be a whole number of thousandths of a core: 500 is half a core",
    ],
    [
      { ephemeralStorageRequest: Size.mebibytes(2), ephemeralStorageLimit: Size.mebibytes(1) },
      "'ephemeralStorageRequest' (2048Ki) must not be above 'ephemeralStorageLimit' (1024Ki): raise the limit or ask for less",
    ],
    [
      { logLevel: 'loud' },
      "'logLevel' (loud) must be log directives such as warn,linkerd=info, with levels trace, debug, info, warn, error, off",
    ],
    [
      { outboundConnectTimeout: Duration.millis(0) },
      "'outboundConnectTimeout' (0 ms) must be whole milliseconds, 1 or more",
    ],
    [
      { shutdownGracePeriod: Duration.millis(0.5) },
      "'shutdownGracePeriod' (0.5 ms) must be whole milliseconds, 0 or more",
    ],
    [{ closeWaitTimeout: Duration.days(2) }, "'closeWaitTimeout' (172800 s) must be whole seconds, a day at most"],
    [{ waitBeforeExit: Duration.millis(10) }, "'waitBeforeExit' (0.01 s) must be whole seconds, a day at most"],
    [
      { nativeSidecar: true, waitBeforeExit: Duration.seconds(5) },
      "'waitBeforeExit' (5 seconds) must not be with 'nativeSidecar' (true), which ends after the application anyway: leave it out",
    ],
    [
      { nativeSidecar: true, awaitProxy: false },
      "'awaitProxy' (false) must not be with 'nativeSidecar' (true), before which no application starts: leave one of them out",
    ],
    [
      { environment: { '1A': 'b' } },
      "'environment' has the name '1A': it must be of letters, digits, _, - and ., and not begin with a digit",
    ],
  ])('of the proxy: %j', (given, message) => {
    expect(() => annotationsOf({ proxy: given })).toThrow(new Error(message));
  });

  it.each<[MeshOptions, string]>([
    [
      { skipInboundPorts: [1, 2], opaquePorts: [2, 3] },
      "'skipInboundPorts' (1, 2) must have no port of 'opaquePorts' (2, 3): clients would send to a proxy what is to pass it by; take 2 out of one",
    ],
    [
      { skipInboundPorts: [8080], requireIdentityOnPorts: [8080] },
      "'skipInboundPorts' (8080) must have no port of 'requireIdentityOnPorts' (8080): what passes the proxy by proves nothing; take 8080 out of one",
    ],
    [
      { injection: Injection.disabled(), proxy: {} },
      "'proxy' must not be with Injection.disabled(), by which there is none: leave one of them out",
    ],
    [
      { injection: Injection.explicit(), proxy: { closeWaitTimeout: Duration.seconds(60) } },
      "'closeWaitTimeout' (1 minute) must not be with Injection.explicit(), which has no init container that could set it: leave one of them out",
    ],
  ])('of a workload: %j', (given, message) => {
    expect(() => annotationsOf(given)).toThrow(new Error(message));
  });
});

it.each(['tulle-proxy', 'localhost/x', 'registry.example/a/b-c__d', '10.0.0.1:5000/x', 'ghcr.io/tulle/proxy'])(
  'the image %s is taken',
  (image) => {
    const version = `1.0@sha256:${'a'.repeat(64)}`;
    expect(annotationsOf({ proxy: { image, version } })).toEqual({
      'config.tulle.dev/proxy-image': image,
      'config.tulle.dev/proxy-version': version,
    });
  },
);
