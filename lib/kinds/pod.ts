import { longest } from '../contract/form.ts';
import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { Problems } from './problems.ts';
import { flag, list, object, type Schema, text, wholeNumber } from './schema.ts';
import { checkValue, misshape } from './structural-check.ts';

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

/** The settings of a sidecar that discovery and taps read; the others are not held in memory. */
const proxyVariables = [
  'LINKERD2_PROXY_EXPLICIT_MODE',
  'LINKERD2_PROXY_INBOUND_EXPLICIT_PORTS',
  'LINKERD2_PROXY_INBOUND_LISTEN_ADDR',
  'LINKERD2_PROXY_ADMIN_LISTEN_ADDR',
  'LINKERD2_PROXY_CONTROL_LISTEN_ADDR',
  'LINKERD2_PROXY_TAP_SVC_NAME',
] as const;
export type ProxyVariable = (typeof proxyVariables)[number];

/** Of a container's environment only what is read of a proxy; an application's may be large, and secret. */
function proxySettings(env: unknown, share: (text: string) => string): unknown {
  if (!Array.isArray(env)) return undefined;
  const settings = (env as { name?: unknown; value?: unknown }[])
    .filter((variable) => (proxyVariables as readonly unknown[]).includes(variable?.name))
    .filter(({ value }) => typeof value === 'string' && value.length <= longest.text)
    .map(({ name, value }) => ({ name: share(name as string), value: share(value as string) }));
  return settings.length === 0 ? undefined : settings;
}

const probe = { httpGet: { path: 'shared', port: 'port' } } as const;
const container = {
  name: 'shared',
  ports: [{ name: 'shared', containerPort: 'number', hostPort: 'number', protocol: 'shared' }],
  env: proxySettings,
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
} as const;

const portOrName: Schema = { 'x-kubernetes-int-or-string': true };
const probeShape = object({ httpGet: object({ path: text(), port: portOrName }) });
const containerShape = object({
  // Knative has one of its own for a container without.
  name: text(),
  command: list(text()),
  args: list(text()),
  workingDir: text(),
  env: list(object({ 'name*': text(), value: text() })),
  ports: list(object({ name: text(), 'containerPort*': wholeNumber, hostPort: wholeNumber, protocol: text() })),
  livenessProbe: probeShape,
  readinessProbe: probeShape,
  startupProbe: probeShape,
});
const containers = list(containerShape);

/** Bounded for all of them together by the API server alone. */
const texts: Schema = { type: 'object', additionalProperties: { type: 'string' } };
const metadataShape: Schema = object({ labels: texts, annotations: texts });

/**
 * What keeps code from reading a pod, or the template of one, as it is written: its first field that is of another type than
 * Kubernetes has there, `spec.containers[0].args (x) must be a list`.
 */
export function misshapeOfPod({ metadata, spec }: { readonly metadata?: unknown; readonly spec?: unknown }) {
  const problems = new Problems(1);
  checkValue(metadataShape, metadata ?? {}, 'metadata', problems);
  return problems.list[0] ?? misshape(pod, { spec });
}

/** A workload: what is called, and who calls. */
export const pod: ReadKind<Pod> = {
  group: '',
  kind: 'Pod',
  plural: 'pods',
  scope: 'Namespaced',
  builtIn: true,
  versions: [],
  shape: object({
    spec: object({
      serviceAccountName: text(),
      nodeName: text(),
      hostNetwork: flag(),
      containers,
      initContainers: containers,
    }),
  }),
  reads: {
    versions: ['v1'],
    keep: {
      spec: {
        serviceAccountName: 'shared',
        nodeName: 'shared',
        hostNetwork: 'flag',
        containers: [container],
        initContainers: [container],
      },
      status: {
        phase: 'shared',
        podIP: 'text',
        podIPs: [{ ip: 'text' }],
        hostIP: 'shared',
        hostIPs: [{ ip: 'shared' }],
        conditions: [{ type: 'shared', status: 'shared' }],
      },
    },
  },
};
