import type { Size } from 'cdk8s';
import type { LogLevel } from './log-level.ts';

/** What is set of the components of the control plane, each by itself. */
export interface MeshComponents {
  /**
   * Tells proxies where Services are and what policy says: grows with the cluster's pods and proxies.
   *
   * @default - as ComponentOptions says
   */
  readonly destination?: ComponentOptions;

  /**
   * Issues certificates.
   *
   * @default - as ComponentOptions says
   */
  readonly identity?: ComponentOptions;

  /**
   * Adds sidecars to pods.
   *
   * @default - as ComponentOptions says
   */
  readonly proxyInjector?: ComponentOptions;

  /**
   * Shows requests as they pass sidecars, where it is part of the install.
   *
   * @default - as ComponentOptions says
   */
  readonly tap?: ComponentOptions;
}

/** Size and place of one component. */
export interface ComponentOptions {
  /**
   * Pods of it. With `autoscaling`, how many there are at least.
   *
   * @default - 1, or 3 with high availability
   */
  readonly replicas?: number;

  /**
   * How many pods there are by their load, instead of a fixed number.
   *
   * @default - `replicas`, whatever the load
   */
  readonly autoscaling?: ComponentAutoscaling;

  /**
   * CPU asked of the node, in thousandths of a core.
   *
   * @default - 10, or 100 with high availability
   */
  readonly cpuRequestMillis?: number;

  /**
   * CPU at most, in thousandths of a core.
   *
   * @default - no limit
   */
  readonly cpuLimitMillis?: number;

  /**
   * Memory asked of the node.
   *
   * @default Size.mebibytes(96)
   */
  readonly memoryRequest?: Size;

  /**
   * Memory at most. Of destination: 128 MiB, 6 KB for each pod of the cluster, and 0.5 MB for each proxy of a replica.
   *
   * @default - 1 GiB for destination, 512 MiB for the others
   */
  readonly memoryLimit?: Size;

  /**
   * How much it logs.
   *
   * @default - as much as the mesh says
   */
  readonly logLevel?: LogLevel;

  /**
   * Taints of nodes that it may run on all the same.
   *
   * @default - those of the mesh
   */
  readonly tolerations?: ComponentToleration[];

  /**
   * Labels of nodes that it runs on, besides those of the mesh's `nodeSelector`.
   *
   * @default - none
   */
  readonly nodeSelector?: { [label: string]: string };

  /**
   * PriorityClass of it.
   *
   * @default - that of the mesh
   */
  readonly priorityClassName?: string;

  /**
   * Names of the Secrets, in the mesh's namespace, that its images are pulled with.
   *
   * @default - those of the mesh
   */
  readonly imagePullSecrets?: string[];

  /**
   * RuntimeClass that its pods run in.
   *
   * @default - that of the mesh
   */
  readonly runtimeClassName?: string;
}

/** A HorizontalPodAutoscaler. Needs a metrics server in the cluster. */
export interface ComponentAutoscaling {
  /** Pods at most. */
  readonly maxReplicas: number;

  /**
   * Memory of the component at which another pod comes, in percent of its `memoryLimit`.
   *
   * @default 70
   */
  readonly memoryPercent?: number;

  /**
   * CPU of the component at which another pod comes, in percent of what it asks for.
   *
   * @default - CPU is not looked at
   */
  readonly cpuPercent?: number;
}

/** A taint that is borne, as Kubernetes writes it. */
export interface ComponentToleration {
  /**
   * Of the taint.
   *
   * @default - every key; `operator` is `Exists` then
   */
  readonly key?: string;

  /**
   * `Equal` or `Exists`.
   *
   * @default 'Equal'
   */
  readonly operator?: string;

  /**
   * Of the taint, for `Equal`.
   *
   * @default - the empty value
   */
  readonly value?: string;

  /**
   * `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
   *
   * @default - every effect
   */
  readonly effect?: string;

  /**
   * How long `NoExecute` is borne.
   *
   * @default - for ever
   */
  readonly tolerationSeconds?: number;
}
