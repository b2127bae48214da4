import type { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import {
  duration,
  flag,
  instance,
  isPlain,
  listOf,
  mapOf,
  number,
  propsOf,
  type Shape,
  size,
  text,
} from '../props/form.ts';
import { AccessLog } from './access-log.ts';
import { InboundPolicy } from './inbound-policy.ts';
import { Injection } from './injection.ts';
import type { MeshOptions } from './mesh-options.ts';
import type { MeshedProps } from './meshed-props.ts';
import type { ProxyOptions } from './proxy-options.ts';
import { PullPolicy } from './pull-policy.ts';
import { Statsd } from './statsd.ts';
import { Tracing } from './tracing.ts';

export const proxyShape: Shape<ProxyOptions> = {
  image: text,
  version: text,
  imagePullPolicy: instance(() => PullPolicy),
  inboundPort: number,
  outboundPort: number,
  adminPort: number,
  controlPort: number,
  userId: number,
  groupId: number,
  cpuRequestMillis: number,
  cpuLimitMillis: number,
  cpuRatioLimit: number,
  memoryRequest: size,
  memoryLimit: size,
  ephemeralStorageRequest: size,
  ephemeralStorageLimit: size,
  logLevel: text,
  logJson: flag,
  logHttpHeaders: flag,
  accessLog: instance(() => AccessLog),
  statsd: instance(() => Statsd),
  metricsHostnameLabels: flag,
  externalProfiles: flag,
  gateway: flag,
  tap: flag,
  tapBodies: flag,
  inboundConnectTimeout: duration,
  outboundConnectTimeout: duration,
  inboundDiscoveryIdleTimeout: duration,
  outboundDiscoveryIdleTimeout: duration,
  inboundDetectTimeoutDisabled: flag,
  outboundDetectTimeoutDisabled: flag,
  shutdownGracePeriod: duration,
  closeWaitTimeout: duration,
  nativeSidecar: flag,
  awaitProxy: flag,
  adminShutdown: flag,
  waitBeforeExit: duration,
  environment: mapOf(text),
  debugContainer: flag,
  debugImage: text,
  debugImageVersion: text,
  debugImagePullPolicy: instance(() => PullPolicy),
};

/** The props about sidecars that workloads, namespaces and the mesh have in common. */
export const sidecarShape: Shape<
  Pick<
    MeshOptions,
    | 'opaquePorts'
    | 'skipInboundPorts'
    | 'skipOutboundPorts'
    | 'skipSubnets'
    | 'requireIdentityOnPorts'
    | 'tracing'
    | 'proxy'
  >
> = {
  opaquePorts: listOf(number),
  skipInboundPorts: listOf(number),
  skipOutboundPorts: listOf(number),
  skipSubnets: listOf(text),
  requireIdentityOnPorts: listOf(number),
  tracing: instance(() => Tracing),
  proxy: propsOf(proxyShape),
};

export const meshOptionsShape: Shape<MeshOptions> = {
  ...sidecarShape,
  injection: instance(() => Injection),
  inboundPolicy: instance(() => InboundPolicy),
  networkPolicy: flag,
};

const meshedShape: Shape<MeshedProps> = { mesh: propsOf(meshOptionsShape) };

/** Fails for what the mesh is told of a workload wrongly. The props of its kind are looked at by whoever has the kind. */
export function checkMeshedProps(props: MeshedProps, scope: Construct, id: string): void {
  checkProps(meshedShape, isPlain(props) ? { mesh: props.mesh } : props, { scope, id });
}
