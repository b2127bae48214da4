import {
  anything,
  duration,
  flag,
  instance,
  listOf,
  mapOf,
  needed,
  number,
  propsOf,
  type Shape,
  size,
  text,
} from '../props/form.ts';
import { InboundPolicy } from '../workload/inbound-policy.ts';
import { sidecarShape } from '../workload/mesh-options-shape.ts';
import { PullPolicy } from '../workload/pull-policy.ts';
import { Compat } from './compat.ts';
import type {
  ComponentAutoscaling,
  ComponentOptions,
  ComponentToleration,
  MeshComponents,
} from './component-options.ts';
import { DataPlane } from './data-plane.ts';
import { Interception } from './interception.ts';
import { LogLevel } from './log-level.ts';
import type { MeshProps } from './mesh-props.ts';
import { TrustAnchors } from './trust-anchors.ts';

export const tolerationShape: Shape<ComponentToleration> = {
  effect: text,
  key: text,
  operator: text,
  tolerationSeconds: number,
  value: text,
};
export const autoscalingShape: Shape<ComponentAutoscaling> = {
  maxReplicas: needed(number),
  cpuPercent: number,
  memoryPercent: number,
};
export const componentShape: Shape<ComponentOptions> = {
  replicas: number,
  autoscaling: propsOf(autoscalingShape),
  cpuRequestMillis: number,
  cpuLimitMillis: number,
  memoryRequest: size,
  memoryLimit: size,
  tolerations: listOf(propsOf(tolerationShape)),
  nodeSelector: mapOf(text),
  priorityClassName: text,
  imagePullSecrets: listOf(text),
  runtimeClassName: text,
  logLevel: instance(() => LogLevel),
};
const components: Shape<MeshComponents> = {
  destination: propsOf(componentShape),
  identity: propsOf(componentShape),
  proxyInjector: propsOf(componentShape),
  tap: propsOf(componentShape),
};

/** What is said of the mesh alone. */
export const ownMeshShape: Shape<Omit<MeshProps, keyof typeof sidecarShape | '_install'>> = {
  namespace: text,
  trustDomain: text,
  clusterDomain: text,
  clusterNetworks: listOf(text),
  egressNamespace: text,
  keyNetworks: listOf(text),
  ipv6: flag,
  gatewayApiVersion: text,
  highAvailability: flag,
  antiAffinity: flag,
  disruptionBudgets: flag,
  failClosedWebhooks: flag,
  compat: instance(() => Compat),
  interception: instance(() => Interception),
  dataPlane: instance(() => DataPlane),
  defaultInboundPolicy: instance(() => InboundPolicy),
  registry: text,
  version: text,
  imagePullPolicy: instance(() => PullPolicy),
  imagePullSecrets: listOf(text),
  trustAnchors: instance(() => TrustAnchors),
  issuanceLifetime: duration,
  clockSkewAllowance: duration,
  crds: flag,
  proxyInjector: flag,
  tap: flag,
  networkPolicies: flag,
  permissionGuards: flag,
  webhookClientAuthorities: text,
  nodeSelector: mapOf(text),
  tolerations: listOf(propsOf(tolerationShape)),
  priorityClassName: text,
  runtimeClassName: text,
  podLabels: mapOf(text),
  podAnnotations: mapOf(text),
  logLevel: instance(() => LogLevel),
  components: propsOf(components),
};

/** Of `Mesh`, and of `MeshReference`, which is given the same settings where an app has them at hand. */
export const meshShape: Shape<MeshProps> = { ...sidecarShape, ...ownMeshShape, _install: anything };
