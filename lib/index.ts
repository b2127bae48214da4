export type {
  ComponentAutoscaling,
  ComponentOptions,
  ComponentToleration,
  MeshComponents,
} from './mesh/component-options.ts';
export { Mesh } from './mesh/mesh.ts';
export { Compat, type MeshProps } from './mesh/mesh-props.ts';
export { MeshReference, type MeshReferenceProps } from './mesh/mesh-reference.ts';
export { InboundPolicy } from './workload/inbound-policy.ts';
export { Injection } from './workload/injection.ts';
export { MeshInjection } from './workload/mesh-injection.ts';
export type { MeshOptions, ProxyOptions } from './workload/mesh-options.ts';
export { MeshedDeployment, type MeshedDeploymentProps } from './workload/meshed-deployment.ts';
export { Statsd, StatsdTags } from './workload/statsd.ts';
export { Tracing, type TracingOptions } from './workload/tracing.ts';
export { type MeshWarning, MeshWarnings } from './workload/warnings.ts';
export { WorkloadMesh } from './workload/workload-mesh.ts';
