/** What every Kubernetes object has. Kinds that are read more closely extend it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Of kinds whose status is written. */
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
}

export interface Namespace extends KubernetesObject {
  readonly kind: 'Namespace';
}

export interface Service extends KubernetesObject {
  readonly kind: 'Service';
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly internalTrafficPolicy?: string;
    /** For who makes the slices of Services where no cluster does. */
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly ServicePort[];
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly targetPort?: number | string;
  readonly appProtocol?: string;
}

export interface EndpointSlice extends KubernetesObject {
  readonly kind: 'EndpointSlice';
  readonly addressType?: string;
  readonly endpoints?: readonly SliceEndpoint[];
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[];
}

export interface SliceEndpoint {
  readonly addresses?: readonly string[];
  readonly conditions?: { readonly ready?: boolean };
  readonly hostname?: string;
  readonly zone?: string;
  readonly nodeName?: string;
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[] };
  readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
}

export interface Container {
  readonly name: string;
  readonly ports?: readonly ContainerPort[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly protocol?: string;
}

export interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: number | string };
}

export interface Pod extends KubernetesObject {
  readonly kind: 'Pod';
  readonly spec?: {
    readonly serviceAccountName?: string;
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly hostIP?: string;
    readonly hostIPs?: readonly { readonly ip: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface Node extends KubernetesObject {
  readonly kind: 'Node';
  readonly spec?: { readonly podCIDRs?: readonly string[] };
  readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
}

/** The settings of a sidecar that discovery reads; the others are not held in memory. */
export const proxyVariables = [
  'LINKERD2_PROXY_EXPLICIT_MODE',
  'LINKERD2_PROXY_INBOUND_EXPLICIT_PORTS',
  'LINKERD2_PROXY_INBOUND_LISTEN_ADDR',
  'LINKERD2_PROXY_ADMIN_LISTEN_ADDR',
  'LINKERD2_PROXY_CONTROL_LISTEN_ADDR',
] as const;
export type ProxyVariable = (typeof proxyVariables)[number];

/** `namespace/name`, or the name alone for objects of the whole cluster; generators write namespaces on those too. */
export function objectKey({ kind, metadata }: KubernetesObject): string {
  return metadata.namespace === undefined || kind === 'Namespace' || kind === 'Node'
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}
