/**
 * The parts of Kubernetes objects that injection reads or writes. Whatever is not named here is carried through
 * untouched, so objects of newer API versions survive.
 */

export interface Metadata {
  name?: string;
  generateName?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { kind: string; name: string; [field: string]: unknown }[];
  [field: string]: unknown;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: Record<string, unknown>;
}

export interface ContainerPort {
  name?: string;
  containerPort: number;
  protocol?: string;
  [field: string]: unknown;
}

export interface Probe {
  httpGet?: { port: number | string; path?: string; [field: string]: unknown };
  [field: string]: unknown;
}

export interface Container {
  name: string;
  image?: string;
  args?: string[];
  env?: EnvVar[];
  ports?: ContainerPort[];
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean; [field: string]: unknown }[];
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  restartPolicy?: string;
  securityContext?: Record<string, unknown>;
  [field: string]: unknown;
}

export interface Volume {
  name: string;
  [field: string]: unknown;
}

export interface PodSpec {
  containers?: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  hostNetwork?: boolean;
  nodeSelector?: Record<string, string>;
  os?: { name?: string };
  [field: string]: unknown;
}

/** A Pod, or the pod template of a workload. */
export interface PodTemplate {
  metadata?: Metadata;
  spec?: PodSpec;
  [field: string]: unknown;
}

/** Any object of a manifest. */
export interface Manifest {
  apiVersion?: string;
  kind?: string;
  metadata?: Metadata;
  spec?: Record<string, unknown>;
  items?: Manifest[];
  [field: string]: unknown;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
