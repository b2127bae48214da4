import { App, Chart, Size, Testing } from 'cdk8s';
import fc from 'fast-check';
import {
  CertManagerIssuer,
  Compat,
  type ComponentOptions,
  Interception,
  LogLevel,
  Mesh,
  type MeshProps,
  PullPolicy,
  TrustAnchors,
} from '../../lib/index.ts';
import type { Drawn, Synthesized } from './any-app.ts';
import { anyInboundPolicy, anyProxy, anyTracing } from './any-workloads.ts';
import { Draw } from './draw.ts';

const anyLevel = (draw: Draw): LogLevel => draw.of([LogLevel.info(), LogLevel.debug(), LogLevel.warn()]);

const anyComponent = (draw: Draw): ComponentOptions => ({
  replicas: draw.maybe(() => draw.number(1, 5)),
  cpuRequestMillis: draw.maybe(() => draw.number(1, 500)),
  cpuLimitMillis: draw.maybe(() => draw.number(500, 2000)),
  memoryRequest: draw.maybe(() => Size.mebibytes(draw.number(32, 128))),
  memoryLimit: draw.maybe(() => Size.mebibytes(draw.number(128, 1024))),
  logLevel: draw.maybe(() => anyLevel(draw)),
});

const anyProps = (draw: Draw): MeshProps => ({
  trustDomain: draw.maybe(() => draw.host()),
  clusterNetworks: draw.maybe(() => draw.list(1, 3, () => draw.cidr())),
  keyNetworks: draw.maybe(() => draw.list(1, 2, () => draw.cidr())),
  ipv6: draw.maybe(() => draw.flag()),
  highAvailability: draw.maybe(() => draw.flag()),
  antiAffinity: draw.maybe(() => draw.flag()),
  disruptionBudgets: draw.maybe(() => draw.flag()),
  failClosedWebhooks: draw.maybe(() => draw.flag()),
  compat: draw.maybe(() => Compat.linkerd()),
  interception: draw.maybe(() => draw.of([Interception.initContainer(), Interception.explicit()])),
  defaultInboundPolicy: draw.maybe(() => anyInboundPolicy(draw)),
  opaquePorts: draw.maybe(() => draw.list(1, 3, () => draw.port())),
  skipOutboundPorts: draw.maybe(() => draw.list(1, 3, () => draw.port())),
  skipSubnets: draw.maybe(() => draw.list(1, 2, () => draw.cidr())),
  proxy: draw.maybe(() => anyProxy(draw)),
  tracing: draw.maybe(() => anyTracing(draw)),
  registry: draw.maybe(() => `${draw.host()}:5000/mesh`),
  version: draw.maybe(() => draw.name()),
  imagePullPolicy: draw.maybe(() => draw.of([PullPolicy.always(), PullPolicy.never()])),
  imagePullSecrets: draw.maybe(() => [draw.name()]),
  trustAnchors: draw.maybe(() => TrustAnchors.certManager({ issuer: CertManagerIssuer.clusterIssuer(draw.name()) })),
  issuanceLifetime: draw.maybe(() => draw.seconds(3600, 86_400)),
  clockSkewAllowance: draw.maybe(() => draw.seconds(1, 60)),
  proxyInjector: draw.maybe(() => draw.flag()),
  tap: draw.maybe(() => draw.flag()),
  networkPolicies: draw.maybe(() => draw.flag()),
  permissionGuards: draw.maybe(() => draw.flag()),
  nodeSelector: draw.maybe(() => ({ [draw.name()]: draw.name() })),
  tolerations: draw.maybe(() => [{ key: draw.name(), operator: 'Exists', effect: 'NoSchedule' }]),
  priorityClassName: draw.maybe(() => 'system-cluster-critical'),
  podLabels: draw.maybe(() => ({ [draw.name()]: draw.name() })),
  podAnnotations: draw.maybe(() => ({ [draw.name()]: draw.headerValue() })),
  logLevel: draw.maybe(() => anyLevel(draw)),
  components: draw.maybe(() => ({ destination: anyComponent(draw), identity: draw.maybe(() => anyComponent(draw)) })),
});

/** The objects of an install with any props; or why it is refused. */
export const anyMesh: fc.Arbitrary<Drawn> = fc.gen().map((value): Drawn => {
  const chart = new Chart(new App(), 'tulle');
  try {
    new Mesh(chart, 'mesh', anyProps(new Draw(value)));
    return { objects: Testing.synth(chart) as Synthesized[] };
  } catch (error) {
    return { refused: (error as Error).message };
  }
});
