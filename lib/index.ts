export { Compat } from './mesh/compat.ts';
export type {
  ComponentAutoscaling,
  ComponentOptions,
  ComponentToleration,
  MeshComponents,
} from './mesh/component-options.ts';
export { Interception } from './mesh/interception.ts';
export { LogLevel } from './mesh/log-level.ts';
export { Mesh } from './mesh/mesh.ts';
export type { MeshProps } from './mesh/mesh-props.ts';
export { MeshReference, type MeshReferenceProps } from './mesh/mesh-reference.ts';
export { CertManagerIssuer, type CertManagerOptions, TrustAnchors } from './mesh/trust-anchors.ts';
export { AccessLog } from './workload/access-log.ts';
export { InboundPolicy } from './workload/inbound-policy.ts';
export { Injection } from './workload/injection.ts';
export { MeshInjection } from './workload/mesh-injection.ts';
export type { MeshOptions } from './workload/mesh-options.ts';
export { MeshedCronJob, type MeshedCronJobProps } from './workload/meshed-cron-job.ts';
export { MeshedDaemonSet, type MeshedDaemonSetProps } from './workload/meshed-daemon-set.ts';
export { MeshedDeployment, type MeshedDeploymentProps } from './workload/meshed-deployment.ts';
export { MeshedJob, type MeshedJobProps } from './workload/meshed-job.ts';
export { MeshedNamespace, type MeshedNamespaceProps } from './workload/meshed-namespace.ts';
export type { MeshedProps } from './workload/meshed-props.ts';
export { MeshedStatefulSet, type MeshedStatefulSetProps } from './workload/meshed-stateful-set.ts';
export { PodSecurity } from './workload/pod-security.ts';
export type { ProxyOptions } from './workload/proxy-options.ts';
export { PullPolicy } from './workload/pull-policy.ts';
export { Statsd, StatsdTags } from './workload/statsd.ts';
export { Tracing, type TracingOptions } from './workload/tracing.ts';
export { type MeshWarning, MeshWarnings } from './workload/warnings.ts';
export { WorkloadMesh } from './workload/workload-mesh.ts';
