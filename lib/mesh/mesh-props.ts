import type { Duration } from 'cdk8s';
import type { InboundPolicy } from '../workload/inbound-policy.ts';
import type { ProxyOptions } from '../workload/proxy-options.ts';
import type { PullPolicy } from '../workload/pull-policy.ts';
import type { Tracing } from '../workload/tracing.ts';
import type { Compat } from './compat.ts';
import type { ComponentToleration, MeshComponents } from './component-options.ts';
import type { DataPlane } from './data-plane.ts';
import type { MeshInstall } from './install.ts';
import type { Interception } from './interception.ts';
import type { LogLevel } from './log-level.ts';
import type { TrustAnchors } from './trust-anchors.ts';

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
   * The namespace whose EgressNetworks hold for workloads whose own namespace has none: those who may write there say what
   * the mesh may call outside.
   *
   * @default 'tulle-egress'
   */
  readonly egressNamespace?: string;

  /**
   * Networks, in CIDR notation, that the control plane may fetch the keys of token issuers from besides the internet: for
   * a `RequestAuthentication` whose `jwksUri` leads into the cluster or your own network. Whoever may write one in some
   * namespace has the control plane call there, in plain HTTP too.
   *
   * @default - none
   */
  readonly keyNetworks?: string[];

  /**
   * Whether IPv6 connections of pods are led to the proxies too. Needed in clusters whose pods have IPv6 addresses:
   * there, what is not led to a proxy is not encrypted, authorized or seen.
   *
   * @default false
   */
  readonly ipv6?: boolean;

  /**
   * Release of the Gateway API that the cluster has, such as '1.7': routes in the app are held to it. Of one that is later than
   * the newest that this package knows, only the types of fields are checked that both have.
   *
   * @default '1.6'
   */
  readonly gatewayApiVersion?: string;

  /**
   * Three replicas of each component on different nodes, disruption budgets, and admission that waits for the mesh.
   *
   * @default false
   */
  readonly highAvailability?: boolean;

  /**
   * Whether no two pods of a component run on one node, and they are spread over zones where that can be had.
   *
   * @default - as `highAvailability` says
   */
  readonly antiAffinity?: boolean;

  /**
   * Whether a component of several replicas has a PodDisruptionBudget: of its pods one at a time may be evicted.
   *
   * @default true
   */
  readonly disruptionBudgets?: boolean;

  /**
   * Whether the API server refuses what the mesh's webhooks cannot look at, instead of letting it pass: pods without a sidecar,
   * and policy that could not hold. The cluster then waits for the mesh, which wants several replicas.
   *
   * @default - as `highAvailability` says
   */
  readonly failClosedWebhooks?: boolean;

  /**
   * Which annotations of other meshes are obeyed.
   *
   * @default Compat.none()
   */
  readonly compat?: Compat;

  /**
   * How connections of workloads come to their sidecars, where none says otherwise.
   *
   * @default Interception.initContainer()
   */
  readonly interception?: Interception;

  /**
   * The program of the sidecars.
   *
   * @default DataPlane.tulle()
   */
  readonly dataPlane?: DataPlane;

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
   * Ports of workloads that calls reach without the proxy, where no workload says otherwise.
   *
   * @default - 4567, 4568
   */
  readonly skipInboundPorts?: number[];

  /**
   * Ports that workloads call without the proxy, where none says otherwise.
   *
   * @default - 4567, 4568
   */
  readonly skipOutboundPorts?: number[];

  /**
   * Networks, in CIDR notation, whose calls reach workloads without the proxy, where none says otherwise.
   *
   * @default - none
   */
  readonly skipSubnets?: string[];

  /**
   * Ports that take meshed clients only, whatever policy says, where no workload says otherwise.
   *
   * @default - none
   */
  readonly requireIdentityOnPorts?: number[];

  /**
   * Sidecars, where no workload says otherwise.
   *
   * @default - no limits; 10m CPU (100m with high availability) and 20Mi memory are requested
   */
  readonly proxy?: ProxyOptions;

  /**
   * Where sidecars send the spans of requests, and of which, where no workload says otherwise.
   *
   * @default - nothing is traced
   */
  readonly tracing?: Tracing;

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
   * When both images are pulled; `imagePullPolicy` of `proxy` has the last word about sidecars.
   *
   * @default PullPolicy.ifNotPresent()
   */
  readonly imagePullPolicy?: PullPolicy;

  /**
   * Names of the Secrets, in the mesh's namespace, that images of the control plane are pulled with.
   *
   * @default - none
   */
  readonly imagePullSecrets?: string[];

  /**
   * Where trust anchors and the issuer are from.
   *
   * @default TrustAnchors.generated()
   */
  readonly trustAnchors?: TrustAnchors;

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
   * Whether the component that shows requests as they pass sidecars (`tulle tap`) is part of the install. It brings an API
   * of the cluster, `tap.linkerd.io`, which there is once: Linkerd's viz extension brings the same. As long as such an API
   * does not answer, Kubernetes deletes no namespace to its end, which is why it has to be asked for.
   *
   * @default false
   */
  readonly tap?: boolean;

  /**
   * Whether NetworkPolicies limit the connections of the control plane's pods: gRPC, metrics and the proxies' ports are
   * open to the cluster, webhooks to everybody (the API server's address is unknown); out they get to each other, to DNS
   * and to the ports of API servers (443, 6443, 8443, 16443). The cluster's network has to enforce them.
   *
   * @default false
   */
  readonly networkPolicies?: boolean;

  /**
   * Whether ValidatingAdmissionPolicies hold the components to what roles cannot say: of their webhook's configuration
   * they change the `caBundle` alone, and they create no Secrets but their own. Kubernetes has them since 1.30: on 1.29
   * this must be false.
   *
   * @default true
   */
  readonly permissionGuards?: boolean;

  /**
   * A ConfigMap in the mesh's namespace whose key `ca.crt` (PEM) has the authorities of the certificates that your API
   * servers show webhooks: see `kubeConfigFile` of WebhookAdmissionConfiguration. Without, webhooks answer whoever asks:
   * they say nothing but what becomes of an object that the asker brings, and change nothing.
   *
   * @default - none
   */
  readonly webhookClientAuthorities?: string;

  /**
   * Labels of nodes that the control plane runs on, besides Linux.
   *
   * @default - none
   */
  readonly nodeSelector?: { [label: string]: string };

  /**
   * Taints of nodes that the control plane may run on all the same, where a component says nothing.
   *
   * @default - none
   */
  readonly tolerations?: ComponentToleration[];

  /**
   * PriorityClass of the control plane.
   *
   * @default - none
   */
  readonly priorityClassName?: string;

  /**
   * RuntimeClass that the control plane's pods run in, such as gVisor's. Sidecars run in that of the workload's pods.
   *
   * @default - none
   */
  readonly runtimeClassName?: string;

  /**
   * Labels of the control plane's pods besides those of the mesh.
   *
   * @default - none
   */
  readonly podLabels?: { [label: string]: string };

  /**
   * Annotations of the control plane's pods besides those of the mesh.
   *
   * @default - none
   */
  readonly podAnnotations?: { [name: string]: string };

  /**
   * How much the control plane logs, where a component says nothing.
   *
   * @default LogLevel.info()
   */
  readonly logLevel?: LogLevel;

  /**
   * Size and place of the components, each by itself.
   *
   * @default - as ComponentOptions says
   */
  readonly components?: MeshComponents;

  /**
   * An install that is resolved already, instead of every other prop.
   *
   * @internal
   */
  readonly _install?: MeshInstall;
}
