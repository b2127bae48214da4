import { imagePullPolicies, inboundPolicies, type ProxySettings } from './config.ts';
import type { Metadata } from './kubernetes.ts';
import { alphaSettingPrefix, settingPrefixes } from './names.ts';
import type { InjectProblem } from './report.ts';
import * as form from './values.ts';

interface Setting {
  /** Without prefix: `opaque-ports`. */
  readonly name: string;
  readonly expected: string;
  /** Whether a namespace's value reaches its workloads (linkerd2 pkg/inject, ProxyAnnotations). */
  readonly inherited: boolean;
  readonly alpha: boolean;
  /** Undefined when the text is not of the expected form. */
  readonly read: (text: string) => Partial<ProxySettings> | undefined;
}

function setting<K extends keyof ProxySettings>(
  name: string,
  key: K,
  value: form.ValueForm<NonNullable<ProxySettings[K]>>,
  options: { readonly inherited?: boolean; readonly alpha?: boolean } = {},
): Setting {
  return {
    name,
    expected: value.expected,
    inherited: options.inherited ?? true,
    alpha: options.alpha ?? false,
    read: (text) => {
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
  setting('skip-inbound-ports', 'skipInboundPorts', form.portList),
  setting('skip-outbound-ports', 'skipOutboundPorts', form.portList),
  setting('skip-subnets', 'skipSubnets', form.subnetList),
  setting('opaque-ports', 'opaquePorts', form.namedPortList),
  setting('proxy-require-identity-inbound-ports', 'requireIdentityPorts', form.namedPortList),
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
  setting('enable-external-profiles', 'externalProfiles', form.boolean),
  setting('proxy-metrics-hostname-labels', 'metricsHostnameLabels', form.boolean),
  setting('enable-gateway', 'gateway', form.boolean, notInherited),
  setting('proxy-inbound-connect-timeout', 'inboundConnectTimeoutMs', form.durationMs),
  setting('proxy-outbound-connect-timeout', 'outboundConnectTimeoutMs', form.durationMs),
  setting('proxy-inbound-discovery-cache-unused-timeout', 'inboundDiscoveryIdleMs', form.durationMs),
  setting('proxy-outbound-discovery-cache-unused-timeout', 'outboundDiscoveryIdleMs', form.durationMs),
  setting('proxy-disable-inbound-protocol-detect-timeout', 'inboundDetectTimeout', form.notBoolean),
  setting('proxy-disable-outbound-protocol-detect-timeout', 'outboundDetectTimeout', form.notBoolean),
  setting('close-wait-timeout', 'closeWaitTimeoutSeconds', form.seconds, notInherited),
  setting('proxy-enable-native-sidecar', 'nativeSidecar', form.boolean),
  setting('proxy-await', 'await', form.enabled),
  setting('proxy-admin-shutdown', 'adminShutdown', form.enabled),
  setting('default-inbound-policy', 'inboundPolicy', form.oneOf(...inboundPolicies)),
  setting('shutdown-grace-period', 'shutdownGraceMs', form.durationMs),
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

/** The value of a setting on one object, and the key that it stands under. */
export function findSetting(
  metadata: Metadata | undefined,
  name: string,
  options: { readonly alpha?: boolean } = {},
): { readonly key: string; readonly value: string } | undefined {
  const prefixes = options.alpha ? [...settingPrefixes, alphaSettingPrefix] : settingPrefixes;
  for (const prefix of prefixes) {
    const value = metadata?.annotations?.[prefix + name];
    if (value !== undefined) return { key: prefix + name, value: String(value) };
  }
  return undefined;
}

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
  const known = new Set<string>();
  for (const { name, read, expected, inherited, alpha } of settings) {
    for (const prefix of [...settingPrefixes, alphaSettingPrefix]) known.add(prefix + name);
    if (place.level === 'namespace' && !inherited) continue;
    const found = findSetting(metadata, name, { alpha });
    if (!found) continue;
    const value = read(found.value);
    if (value !== undefined) {
      result = { ...result, ...merged(result, value) };
    } else {
      problems.push({
        severity: 'error',
        object: place.object,
        field: `${place.field}["${found.key}"]`,
        message: `'${found.value}' must be ${expected}; the value is ignored`,
      });
    }
  }
  for (const key of Object.keys(metadata?.annotations ?? {})) {
    const prefix = settingPrefixes.find((candidate) => key.startsWith(candidate));
    if (prefix !== 'config.tulle.dev/' || known.has(key) || otherNames.has(key.slice(prefix.length))) continue;
    problems.push({
      severity: 'error',
      object: place.object,
      field: `${place.field}["${key}"]`,
      message: 'is not a setting of the sidecar; the annotation is ignored',
    });
  }
  return result;
}

/** Additional environment adds up over Mesh, namespace and workload; everything else is replaced. */
function merged(base: ProxySettings, value: Partial<ProxySettings>): Partial<ProxySettings> {
  if (!value.additionalEnv) return value;
  const names = new Set(value.additionalEnv.map(({ name }) => name));
  return { additionalEnv: [...base.additionalEnv.filter(({ name }) => !names.has(name)), ...value.additionalEnv] };
}
