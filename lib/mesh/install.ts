import { Duration } from 'cdk8s';
import { settingKey } from '../contract/annotations.ts';
import { isCidr } from '../contract/cidr.ts';
import { defaultEgressNamespace } from '../contract/names.ts';
import { meshVersion } from '../contract/version.ts';
import { applyAnnotations } from '../inject/annotations.ts';
import { defaultProxySettings, type InjectConfig, injectConfig } from '../inject/config.ts';
import { isRecord } from '../inject/kubernetes.ts';
import { gatewayApiRelease } from '../kinds/gateway-definitions.ts';
import { annotationsOf } from '../workload/mesh-options.ts';
import type { ComponentToleration } from './component-options.ts';
import {
  type ComponentName,
  type ComponentSettings,
  componentSettings,
  type GivenComponents,
  givenComponents,
} from './component-settings.ts';
import type { ForeignProxy } from './data-plane.ts';
import { failOnSharedPorts, failOnUnusable } from './install-checks.ts';
import type { MeshProps } from './mesh-props.ts';
import type { GivenTrust } from './trust-anchors.ts';

/** What the components are made from: every prop with its value. */
export interface MeshInstall {
  /** What it was made from, for an upgrade to go on from. */
  readonly given: GivenProps;
  readonly config: InjectConfig;
  readonly controllerImage: string;
  readonly components: Readonly<Record<ComponentName, ComponentSettings>>;
  readonly controllerPullPolicy: string;
  readonly highAvailability: boolean;
  readonly antiAffinity: boolean;
  readonly disruptionBudgets: boolean;
  readonly failClosedWebhooks: boolean;
  /** Undefined where the identity component makes issuer and anchors itself. */
  readonly trust: GivenTrust | undefined;
  readonly issuanceLifetime: string;
  readonly clockSkewAllowance: string;
  readonly crds: boolean;
  readonly egressNamespace: string;
  readonly proxyInjector: boolean;
  readonly tap: boolean;
  readonly networkPolicies: boolean;
  /** Where keys of token issuers may be fetched besides the internet. */
  readonly keyNetworks: readonly string[];
  readonly permissionGuards: boolean;
  readonly webhookClientAuthorities: string | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly podAnnotations: Readonly<Record<string, string>>;
}

/**
 * The props that were given, as data. What is not given is not here, so that it follows the defaults of each version; what
 * is given as the default is, so that an upgrade can bring a setting back to it.
 */
export interface GivenProps {
  readonly namespace?: string;
  readonly trustDomain?: string;
  readonly clusterDomain?: string;
  readonly clusterNetworks?: readonly string[];
  readonly egressNamespace?: string;
  readonly keyNetworks?: readonly string[];
  readonly ipv6?: boolean;
  readonly gatewayApiVersion?: string;
  readonly highAvailability?: boolean;
  readonly antiAffinity?: boolean;
  readonly disruptionBudgets?: boolean;
  readonly failClosedWebhooks?: boolean;
  readonly compat?: InjectConfig['compat'];
  readonly interception?: 'init-container' | 'explicit';
  /** Empty for the mesh's own. */
  readonly dataPlane?: ForeignProxy | Readonly<Record<string, never>>;
  /** What the props about sidecars say, by annotation. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Empty for none, as are the priority class and the runtime class. */
  readonly registry?: string;
  readonly version?: string;
  readonly imagePullPolicy?: string;
  readonly imagePullSecrets?: readonly string[];
  /** Empty for none that is given. */
  readonly trust?: GivenTrust | Readonly<Record<string, never>>;
  readonly issuanceLifetimeMs?: number;
  readonly clockSkewAllowanceMs?: number;
  readonly crds?: boolean;
  readonly proxyInjector?: boolean;
  readonly tap?: boolean;
  readonly networkPolicies?: boolean;
  readonly permissionGuards?: boolean;
  readonly webhookClientAuthorities?: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly ComponentToleration[];
  readonly priorityClassName?: string;
  readonly runtimeClassName?: string;
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly logLevel?: string;
  readonly components?: GivenComponents;
}

const dayMs = 24 * 3_600_000;
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Resolves the props. Throws for the first that cannot be meant, naming it, its value and the fix. */
export function meshInstall(props: MeshProps): MeshInstall {
  return props._install ?? installOf(givenProps(props));
}

/** Throws when a setting cannot be meant. */
export function givenProps(props: MeshProps): GivenProps {
  const {
    compat,
    interception,
    dataPlane,
    defaultInboundPolicy,
    opaquePorts,
    skipInboundPorts,
    skipOutboundPorts,
    skipSubnets,
    requireIdentityOnPorts,
    proxy,
    tracing,
    issuanceLifetime,
    clockSkewAllowance,
    components,
    imagePullPolicy,
    logLevel,
    trustAnchors,
    ...plain
  } = props;
  const settings = annotationsOf({
    inboundPolicy: defaultInboundPolicy,
    opaquePorts,
    skipInboundPorts,
    skipOutboundPorts,
    skipSubnets,
    requireIdentityOnPorts,
    proxy,
    tracing,
  });
  const { _install, ...given } = {
    ...plain,
    compat: compat?._name,
    interception: interception?._name,
    dataPlane: dataPlane && (dataPlane._linkerd2 ?? {}),
    settings: Object.keys(settings).length > 0 ? settings : undefined,
    issuanceLifetimeMs: issuanceLifetime?.toMilliseconds(),
    clockSkewAllowanceMs: clockSkewAllowance?.toMilliseconds(),
    components: components && givenComponents(components),
    imagePullPolicy: imagePullPolicy?.name,
    logLevel: logLevel?.name,
    trust: trustAnchors && (trustAnchors._given ?? {}),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Throws as `meshInstall` does. */
export function installOf(given: GivenProps): MeshInstall {
  const namespace = given.namespace ?? 'tulle';
  const egressNamespace = given.egressNamespace ?? defaultEgressNamespace;
  for (const [prop, label] of Object.entries({ namespace, egressNamespace })) {
    if (dnsLabel.test(label)) continue;
    throw new Error(`'${prop}' (${label}) must be a DNS label: lower-case letters, digits and -, at most 63`);
  }
  failOnUnusable(given);
  const highAvailability = given.highAvailability ?? false;
  const image = (name: string) => (given.registry ? `${registry(given.registry)}/${name}` : name);
  const version = given.version ?? meshVersion;
  const own = { image: image('tulle-proxy'), version };
  const linkerd2 = foreignProxy(given);
  const proxy = linkerd2 ?? own;
  const annotations = {
    ...(highAvailability
      ? { [settingKey('proxy-cpu-request')]: '100m', [settingKey('proxy-memory-request')]: '20Mi' }
      : {}),
    [settingKey('proxy-image')]: proxy.image,
    [settingKey('proxy-version')]: proxy.version,
    ...(given.imagePullPolicy ? { [settingKey('image-pull-policy')]: given.imagePullPolicy } : {}),
    ...given.settings,
  };
  const place = { object: 'Mesh', field: 'proxy', level: 'workload' } as const;
  const problems: Parameters<typeof applyAnnotations>[3] = [];
  const defaults = applyAnnotations(defaultProxySettings, { annotations }, place, problems);
  if (problems.length > 0) throw new Error(problems.map(({ field, message }) => `${field}: ${message}`).join('\n'));
  failOnSharedPorts(defaults);

  return {
    given: inOrder(given),
    config: injectConfig({
      meshNamespace: namespace,
      trustDomain: domain('trustDomain', given.trustDomain),
      clusterDomain: domain('clusterDomain', given.clusterDomain),
      ...(given.clusterNetworks ? { clusterNetworks: networks('clusterNetworks', given.clusterNetworks) } : {}),
      ...(given.ipv6 ? { ipv6: true } : {}),
      ...(given.gatewayApiVersion ? { gatewayApiVersion: release(given.gatewayApiVersion) } : {}),
      ...(given.interception === 'explicit' ? { interception: 'explicit' as const } : {}),
      ...(linkerd2 ? { linkerd2: own } : {}),
      compat: given.compat ?? 'none',
      defaults,
    }),
    controllerImage: `${image('tulle-controller')}:${version}`,
    components: componentSettings(given.components ?? {}, {
      highAvailability,
      tolerations: given.tolerations ?? [],
      priorityClassName: given.priorityClassName || undefined,
      imagePullSecrets: given.imagePullSecrets ?? [],
      runtimeClassName: given.runtimeClassName || undefined,
      logLevel: given.logLevel,
    }),
    egressNamespace,
    highAvailability,
    antiAffinity: given.antiAffinity ?? highAvailability,
    disruptionBudgets: given.disruptionBudgets ?? true,
    failClosedWebhooks: given.failClosedWebhooks ?? highAvailability,
    controllerPullPolicy: given.imagePullPolicy ?? defaults.imagePullPolicy,
    keyNetworks: given.keyNetworks ? networks('keyNetworks', given.keyNetworks) : [],
    trust: trustOf(given),
    ...lifetimes(given),
    crds: given.crds ?? true,
    proxyInjector: given.proxyInjector ?? true,
    tap: given.tap ?? false,
    networkPolicies: given.networkPolicies ?? false,
    permissionGuards: given.permissionGuards ?? true,
    webhookClientAuthorities: given.webhookClientAuthorities || undefined,
    nodeSelector: given.nodeSelector ?? {},
    podLabels: given.podLabels ?? {},
    podAnnotations: given.podAnnotations ?? {},
  };
}

/** The image of Linkerd's proxy, where that is the data plane. Throws beside what it cannot be together with. */
function foreignProxy({ dataPlane, interception, settings = {} }: GivenProps): ForeignProxy | undefined {
  if (dataPlane?.image === undefined) return undefined;
  const name = `${dataPlane.image}:${dataPlane.version}`;
  if (interception === 'explicit') {
    throw new Error(
      `'dataPlane' (${name}) must be DataPlane.tulle() beside Interception.explicit(): Linkerd's proxy has no explicit mode`,
    );
  }
  const said = ['proxy-image', 'proxy-version'].map((setting) => settings[settingKey(setting)]).find(Boolean);
  if (said !== undefined) {
    throw new Error(`'proxy' (${said}) must name no image and no version: 'dataPlane' has said ${name}`);
  }
  return { image: dataPlane.image, version: dataPlane.version };
}

/** In one order, so that an upgrade that changes nothing writes the same bytes. */
function inOrder<T extends object>(given: T): T {
  const entries = Object.entries(given).map(([key, value]) => [key, isRecord(value) ? inOrder(value) : value]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) as T;
}

function domain(name: string, value = 'cluster.local'): string {
  if (!value.split('.').every((label) => dnsLabel.test(label))) {
    throw new Error(`'${name}' (${value}) must be a DNS name such as cluster.local, without a dot at its end`);
  }
  return value;
}

function release(version: string): string {
  if (/^\d{1,3}\.\d{1,3}(\.\d{1,3})?$/.test(version)) return version;
  throw new Error(
    `'gatewayApiVersion' (${version}) must be a release of the Gateway API, such as ${gatewayApiRelease}`,
  );
}

function networks(name: string, list: readonly string[]): string[] {
  const wrong = list.find((network) => !isCidr(network));
  if (wrong !== undefined || list.length === 0) {
    throw new Error(
      `'${name}' (${list.join(', ')}) must be networks in CIDR notation such as 10.0.0.0/8: ` +
        (wrong === undefined ? 'name at least one, or leave it out' : `replace ${wrong}`),
    );
  }
  return [...list];
}

function registry(value: string): string {
  if (!/^[a-z0-9][a-z0-9.:_/-]*[a-z0-9]$/i.test(value)) {
    throw new Error(
      `'registry' (${value}) must be a registry and path such as registry.example/mesh, without a / at its end`,
    );
  }
  return value;
}

function trustOf({ trust, issuanceLifetimeMs = dayMs }: GivenProps): GivenTrust | undefined {
  if (trust === undefined || !('by' in trust)) return undefined;
  if (trust.by === 'cert-manager' && trust.issuerLifetimeMs <= issuanceLifetimeMs) {
    throw new Error(
      `'issuerLifetime' (${trust.issuerLifetimeMs / 1000} s) must be longer than 'issuanceLifetime' (${issuanceLifetimeMs / 1000} s): ` +
        'certificates would outlive their issuer',
    );
  }
  return trust;
}

function lifetimes(given: GivenProps): Pick<MeshInstall, 'issuanceLifetime' | 'clockSkewAllowance'> {
  const issuance = Duration.millis(given.issuanceLifetimeMs ?? dayMs);
  const skew = Duration.millis(given.clockSkewAllowanceMs ?? 20_000);
  if (issuance.toMilliseconds() <= skew.toMilliseconds()) {
    throw new Error(
      `'issuanceLifetime' (${issuance.toHumanString()}) must be longer than 'clockSkewAllowance' (${skew.toHumanString()}): ` +
        'certificates would end before they hold',
    );
  }
  return { issuanceLifetime: `${issuance.toSeconds()}s`, clockSkewAllowance: `${skew.toSeconds()}s` };
}
