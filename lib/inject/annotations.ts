import {
  alphaSettingPrefix,
  disableTapAnnotation,
  findAnnotation,
  settingKeys,
  settingPrefixes,
  tapBodiesSetting,
} from '../contract/annotations.ts';
import { subnetList } from '../contract/cidr.ts';
import { durationMs } from '../contract/durations.ts';
import { type Form, longest } from '../contract/form.ts';
import { inboundPolicies } from '../contract/inbound-policies.ts';
import { namedPortList, portList } from '../contract/port-list.ts';
import { sampleRate, traceCollector, traceProtocols } from '../contract/trace-collector.ts';
import { imagePullPolicies, type ProxySettings } from './config.ts';
import type { Metadata } from './kubernetes.ts';
import type { InjectProblem } from './report.ts';
import * as form from './values.ts';

interface Setting {
  /** Without prefix: `opaque-ports`. */
  readonly name: string;
  readonly expected: string;
  /** Whether a namespace's value reaches its workloads (linkerd2 pkg/inject, ProxyAnnotations). */
  readonly inherited: boolean;
  /** The annotations that it is read from; the first that is there holds. */
  readonly keys: readonly string[];
  /** Undefined when the text is not of the expected form. */
  readonly read: (text: string) => Partial<ProxySettings> | undefined;
}

function setting<K extends keyof ProxySettings>(
  name: string,
  key: K,
  value: Form<NonNullable<ProxySettings[K]>>,
  options: { readonly inherited?: boolean; readonly alpha?: boolean; readonly also?: string } = {},
): Setting {
  return {
    name,
    expected: value.expected,
    inherited: options.inherited ?? true,
    keys: [
      ...settingKeys(name),
      ...(options.alpha ? [alphaSettingPrefix + name] : []),
      ...(options.also === undefined ? [] : [options.also]),
    ],
    read: (text) => {
      if (text.length > longest.json) return undefined;
      const read = value.read(text.trim());
      return read === undefined ? undefined : ({ [key]: read } as Partial<ProxySettings>);
    },
  };
}

const notInherited = { inherited: false };

/** Every setting that a namespace or a workload can be annotated with, in the order in which problems are told. */
export const settings: readonly Setting[] = [
  setting('proxy-image', 'image', form.text),
  setting('proxy-version', 'version', form.text),
  setting('image-pull-policy', 'imagePullPolicy', form.oneOf(...imagePullPolicies)),
  setting('control-port', 'controlPort', form.port),
  setting('inbound-port', 'inboundPort', form.port),
  setting('outbound-port', 'outboundPort', form.port),
  setting('admin-port', 'adminPort', form.port),
  setting('skip-inbound-ports', 'skipInboundPorts', portList),
  setting('skip-outbound-ports', 'skipOutboundPorts', portList),
  setting('skip-subnets', 'skipSubnets', subnetList),
  setting('opaque-ports', 'opaquePorts', namedPortList),
  setting('proxy-require-identity-inbound-ports', 'requireIdentityPorts', namedPortList),
  setting('proxy-cpu-request', 'cpuRequest', form.cpu),
  setting('proxy-cpu-limit', 'cpuLimit', form.cpu),
  setting('proxy-cpu-ratio-limit', 'cpuRatioLimit', form.ratio, notInherited),
  setting('proxy-memory-request', 'memoryRequest', form.quantity),
  setting('proxy-memory-limit', 'memoryLimit', form.quantity),
  setting('proxy-ephemeral-storage-request', 'ephemeralStorageRequest', form.quantity),
  setting('proxy-ephemeral-storage-limit', 'ephemeralStorageLimit', form.quantity),
  setting('proxy-uid', 'uid', form.userId),
  setting('proxy-gid', 'gid', form.groupId),
  setting('proxy-log-level', 'logLevel', form.logFilter),
  setting('proxy-log-format', 'logFormat', form.oneOf('plain', 'json')),
  setting('proxy-log-http-headers', 'logHttpHeaders', form.oneOf('off', 'insecure')),
  setting('access-log', 'accessLog', form.oneOf('off', 'apache', 'json')),
  setting('trace-collector', 'traceCollector', traceCollector),
  setting('trace-collector-protocol', 'traceProtocol', form.oneOf(...traceProtocols)),
  setting('trace-collector-service-account', 'traceServiceAccount', form.text, { alpha: true }),
  setting('trace-sample-rate', 'traceSampleRate', sampleRate),
  setting('trace-service-name', 'traceServiceName', form.text),
  setting('statsd-address', 'statsdAddress', form.statsdAddress),
  setting('statsd-tags', 'statsdTags', form.oneOf('dogstatsd', 'librato', 'none')),
  setting('enable-external-profiles', 'externalProfiles', form.boolean),
  setting('proxy-metrics-hostname-labels', 'metricsHostnameLabels', form.boolean),
  // Where both stand, the other one holds.
  setting('disable-tap', 'tap', form.notBoolean, { also: disableTapAnnotation }),
  setting('tap-enabled', 'tap', form.boolean),
  setting(tapBodiesSetting, 'tapBodies', form.enabled),
  setting('enable-gateway', 'gateway', form.boolean, notInherited),
  setting('proxy-inbound-connect-timeout', 'inboundConnectTimeoutMs', durationMs),
  setting('proxy-outbound-connect-timeout', 'outboundConnectTimeoutMs', durationMs),
  setting('proxy-inbound-discovery-cache-unused-timeout', 'inboundDiscoveryIdleMs', durationMs),
  setting('proxy-outbound-discovery-cache-unused-timeout', 'outboundDiscoveryIdleMs', durationMs),
  setting('proxy-disable-inbound-protocol-detect-timeout', 'inboundDetectTimeout', form.notBoolean),
  setting('proxy-disable-outbound-protocol-detect-timeout', 'outboundDetectTimeout', form.notBoolean),
  setting('close-wait-timeout', 'closeWaitTimeoutSeconds', form.seconds, notInherited),
  setting('proxy-enable-native-sidecar', 'nativeSidecar', form.boolean),
  setting('proxy-await', 'await', form.enabled),
  setting('proxy-admin-shutdown', 'adminShutdown', form.enabled),
  setting('default-inbound-policy', 'inboundPolicy', form.oneOf(...inboundPolicies)),
  setting('shutdown-grace-period', 'shutdownGraceMs', durationMs),
  setting('proxy-wait-before-exit-seconds', 'waitBeforeExitSeconds', form.seconds, { alpha: true }),
  setting('proxy-additional-env', 'additionalEnv', form.envList),
  setting('enable-debug-sidecar', 'debug', form.boolean),
  setting('debug-image', 'debugImage', form.text, notInherited),
  setting('debug-image-version', 'debugImageVersion', form.text, notInherited),
  setting('debug-image-pull-policy', 'debugImagePullPolicy', form.oneOf(...imagePullPolicies), notInherited),
];

/** Names under our prefixes that are not settings of the sidecar, and so not spelling mistakes. */
const otherNames: ReadonlySet<string> = new Set([
  'admission-webhooks',
  'pod-inbound-ports', // computed from the containers; Linkerd overwrites a given value too
]);

/** Their values may hold what only the application may know. */
const secretKeys: ReadonlySet<string> = new Set(settingKeys('proxy-additional-env'));

const knownKeys: ReadonlySet<string> = new Set(settings.flatMap(({ keys }) => keys));

/**
 * Lays the annotations of one object over settings. A value that cannot be read is told with its place and the
 * setting keeps its former value, so that one mistake does not cost the workload its sidecar.
 */
export function applyAnnotations(
  base: ProxySettings,
  metadata: Metadata | undefined,
  place: { readonly object: string; readonly field: string; readonly level: 'namespace' | 'workload' },
  problems: InjectProblem[],
): ProxySettings {
  let result = base;
  const annotationKeys = Object.keys(metadata?.annotations ?? {});
  if (!annotationKeys.some((key) => key.startsWith('config.') || key === disableTapAnnotation)) return base;
  for (const { read, expected, inherited, keys } of settings) {
    if (place.level === 'namespace' && !inherited) continue;
    const found = findAnnotation(metadata, keys);
    if (!found) continue;
    const value = read(found.value);
    if (value !== undefined) {
      result = { ...result, ...merged(result, value) };
    } else {
      problems.push({
        severity: 'error',
        object: place.object,
        field: `${place.field}["${found.key}"]`,
        message: `${shown(found)} must be ${expected}`,
        consequence: 'the value is ignored',
      });
    }
  }
  for (const key of annotationKeys) {
    // Linkerd's prefix may hold settings that are of no meaning here; under ours it is a spelling mistake.
    const [prefix] = settingPrefixes;
    if (!key.startsWith(prefix) || knownKeys.has(key) || otherNames.has(key.slice(prefix.length))) continue;
    problems.push({
      severity: 'error',
      object: place.object,
      field: `${place.field}["${key}"]`,
      message: 'is not a setting of the sidecar',
      consequence: 'the annotation is ignored',
    });
  }
  return result;
}

/** Of a value as messages show it: they stand in logs and events, where a long one is of no use and a secret does harm. */
const longestShown = 100;

function shown({ key, value }: { readonly key: string; readonly value: string }): string {
  if (secretKeys.has(key)) return 'the value';
  return value.length > longestShown ? `'${value.slice(0, longestShown)}…' (${value.length} characters)` : `'${value}'`;
}

/** Additional environment adds up over Mesh, namespace and workload; everything else is replaced. */
function merged(base: ProxySettings, value: Partial<ProxySettings>): Partial<ProxySettings> {
  if (!value.additionalEnv) return value;
  const names = new Set(value.additionalEnv.map(({ name }) => name));
  return { additionalEnv: [...base.additionalEnv.filter(({ name }) => !names.has(name)), ...value.additionalEnv] };
}
