import { Duration } from 'cdk8s';
import { settingKey } from '../contract/annotations.ts';
import { isCidr } from '../contract/cidr.ts';
import { applyAnnotations } from '../inject/annotations.ts';
import { defaultProxySettings, type InjectConfig, injectConfig, meshVersion } from '../inject/config.ts';
import type { InboundPolicy } from '../workload/inbound-policy.ts';
import { annotationsOf, type ProxyOptions } from '../workload/mesh-options.ts';

/** Which annotations of other meshes are obeyed. */
export class Compat {
  /** Only our own. */
  static none(): Compat {
    return new Compat('none');
  }

  /** `linkerd.io/inject` too, so that workloads move over without a change. */
  static linkerd(): Compat {
    return new Compat('linkerd');
  }

  /** @internal */
  readonly _name: InjectConfig['compat'];

  private constructor(name: InjectConfig['compat']) {
    this._name = name;
  }
}

export interface MeshProps {
  /**
   * Namespace of the control plane. Part of every identity: changing it later renames them all.
   *
   * @default 'tulle'
   */
  readonly namespace?: string;

  /**
   * Domain that identities end with.
   *
   * @default 'cluster.local'
   */
  readonly trustDomain?: string;

  /**
   * Domain of the cluster's DNS.
   *
   * @default 'cluster.local'
   */
  readonly clusterDomain?: string;

  /**
   * Networks of pods and Services, in CIDR notation.
   *
   * @default - the private networks (10/8, 100.64/10, 172.16/12, 192.168/16, fd00::/8)
   */
  readonly clusterNetworks?: string[];

  /**
   * Whether IPv6 connections of pods are led to the proxies too. Needed in clusters whose pods have IPv6 addresses:
   * there, what is not led to a proxy is not encrypted, authorized or seen.
   *
   * @default false
   */
  readonly ipv6?: boolean;

  /**
   * Three replicas of each component on different nodes, disruption budgets, and admission that waits for the mesh.
   *
   * @default false
   */
  readonly highAvailability?: boolean;

  /**
   * Which annotations of other meshes are obeyed.
   *
   * @default Compat.none()
   */
  readonly compat?: Compat;

  /**
   * Who may call ports that no Server and no authorization speaks of.
   *
   * @default InboundPolicy.allUnauthenticated()
   */
  readonly defaultInboundPolicy?: InboundPolicy;

  /**
   * Ports that are passed on as they are, where no workload says otherwise.
   *
   * @default - 25, 587, 3306, 4444, 5432, 6379, 9300, 11211
   */
  readonly opaquePorts?: number[];

  /**
   * Sidecars, where no workload says otherwise.
   *
   * @default - no limits; 10m CPU (100m with high availability) and 20Mi memory are requested
   */
  readonly proxy?: ProxyOptions;

  /**
   * Registry, and path in it, that both images come from.
   *
   * @default - none: `tulle-proxy` and `tulle-controller` are looked up as the node's runtime does
   */
  readonly registry?: string;

  /**
   * Tag of both images.
   *
   * @default - the version of this package
   */
  readonly version?: string;

  /**
   * Names of the Secrets, in the mesh's namespace, that images of the control plane are pulled with.
   *
   * @default - none
   */
  readonly imagePullSecrets?: string[];

  /**
   * How long a workload's certificate holds; the proxy renews it at 70 % of this.
   *
   * @default Duration.hours(24)
   */
  readonly issuanceLifetime?: Duration;

  /**
   * How far clocks may differ.
   *
   * @default Duration.seconds(20)
   */
  readonly clockSkewAllowance?: Duration;

  /**
   * Whether the CustomResourceDefinitions are part of the install; without, they have to be there already.
   *
   * @default true
   */
  readonly crds?: boolean;

  /**
   * Whether the admission webhook that adds sidecars is part of the install; without, every workload needs
   * `Injection.static()` or `Injection.explicit()`.
   *
   * @default true
   */
  readonly proxyInjector?: boolean;

  /**
   * Whether NetworkPolicies limit the connections of the control plane's pods: gRPC, metrics and the proxies' ports are
   * open to the cluster, webhooks to everybody (the API server's address is unknown); out they get to each other, to DNS
   * and to the ports of API servers (443, 6443, 8443, 16443). The cluster's network has to enforce them.
   *
   * @default false
   */
  readonly networkPolicies?: boolean;

  /**
   * Labels of nodes that the control plane runs on, besides Linux.
   *
   * @default - none
   */
  readonly nodeSelector?: { [label: string]: string };

  /**
   * PriorityClass of the control plane.
   *
   * @default - none
   */
  readonly priorityClassName?: string;

  /**
   * An install that is resolved already, instead of every other prop.
   *
   * @internal
   */
  readonly _install?: MeshInstall;
}

/** What the components are made from: every prop with its value. */
export interface MeshInstall {
  readonly config: InjectConfig;
  /** As given; undefined is where the images of this version are. */
  readonly registry: string | undefined;
  readonly version: string | undefined;
  readonly controllerImage: string;
  readonly replicas: number;
  readonly highAvailability: boolean;
  readonly imagePullSecrets: readonly string[];
  readonly issuanceLifetime: string;
  readonly clockSkewAllowance: string;
  readonly crds: boolean;
  readonly proxyInjector: boolean;
  readonly networkPolicies: boolean;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly priorityClassName: string | undefined;
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Resolves the props. Throws for the first that cannot be meant, naming it, its value and the fix. */
export function meshInstall(props: MeshProps): MeshInstall {
  if (props._install) return props._install;
  const namespace = props.namespace ?? 'tulle';
  if (!dnsLabel.test(namespace)) {
    throw new Error(`'namespace' (${namespace}) must be a DNS label: lower-case letters, digits and -, at most 63`);
  }
  const highAvailability = props.highAvailability ?? false;
  const image = (name: string) => (props.registry === undefined ? name : `${registry(props.registry)}/${name}`);
  const version = props.version ?? meshVersion;
  const annotations = {
    ...(highAvailability
      ? { [settingKey('proxy-cpu-request')]: '100m', [settingKey('proxy-memory-request')]: '20Mi' }
      : {}),
    ...annotationsOf({
      inboundPolicy: props.defaultInboundPolicy,
      opaquePorts: props.opaquePorts,
      proxy: { image: image('tulle-proxy'), version, ...props.proxy },
    }),
  };
  const place = { object: 'Mesh', field: 'proxy', level: 'workload' } as const;
  const problems: Parameters<typeof applyAnnotations>[3] = [];
  const defaults = applyAnnotations(defaultProxySettings, { annotations }, place, problems);
  if (problems.length > 0) throw new Error(problems.map(({ field, message }) => `${field}: ${message}`).join('\n'));

  return {
    config: injectConfig({
      meshNamespace: namespace,
      trustDomain: domain('trustDomain', props.trustDomain),
      clusterDomain: domain('clusterDomain', props.clusterDomain),
      ...(props.clusterNetworks ? { clusterNetworks: networks(props.clusterNetworks) } : {}),
      ...(props.ipv6 ? { ipv6: true } : {}),
      compat: (props.compat ?? Compat.none())._name,
      defaults,
    }),
    registry: props.registry,
    version: props.version,
    controllerImage: `${image('tulle-controller')}:${version}`,
    replicas: highAvailability ? 3 : 1,
    highAvailability,
    imagePullSecrets: props.imagePullSecrets ?? [],
    ...lifetimes(props),
    crds: props.crds ?? true,
    proxyInjector: props.proxyInjector ?? true,
    networkPolicies: props.networkPolicies ?? false,
    nodeSelector: props.nodeSelector ?? {},
    priorityClassName: props.priorityClassName,
  };
}

function domain(name: string, value = 'cluster.local'): string {
  if (!value.split('.').every((label) => dnsLabel.test(label))) {
    throw new Error(`'${name}' (${value}) must be a DNS name such as cluster.local, without a dot at its end`);
  }
  return value;
}

function networks(list: string[]): string[] {
  const wrong = list.find((network) => !isCidr(network));
  if (wrong !== undefined || list.length === 0) {
    throw new Error(
      `'clusterNetworks' (${list.join(', ')}) must be networks in CIDR notation such as 10.0.0.0/8: ` +
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

function lifetimes(props: MeshProps): Pick<MeshInstall, 'issuanceLifetime' | 'clockSkewAllowance'> {
  const issuance = props.issuanceLifetime ?? Duration.hours(24);
  const skew = props.clockSkewAllowance ?? Duration.seconds(20);
  if (issuance.toMilliseconds() <= skew.toMilliseconds()) {
    throw new Error(
      `'issuanceLifetime' (${issuance.toHumanString()}) must be longer than 'clockSkewAllowance' (${skew.toHumanString()}): ` +
        'certificates would end before they hold',
    );
  }
  return { issuanceLifetime: `${issuance.toSeconds()}s`, clockSkewAllowance: `${skew.toSeconds()}s` };
}
