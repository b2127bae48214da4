import type { IConstruct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { reviewApp } from '../workload/review.ts';
import { meshInstall } from './install.ts';
import { registerInstallation } from './installation.ts';
import type { MeshProps } from './mesh-props.ts';
import { meshShape } from './mesh-shape.ts';

/** What workloads need to know of a mesh; each with the default of `MeshProps`. */
export interface MeshReferenceProps
  extends Pick<
    MeshProps,
    | 'namespace'
    | 'trustDomain'
    | 'clusterDomain'
    | 'clusterNetworks'
    | 'ipv6'
    | 'gatewayApiVersion'
    | 'highAvailability'
    | 'compat'
    | 'interception'
    | 'dataPlane'
    | 'defaultInboundPolicy'
    | 'opaquePorts'
    | 'skipInboundPorts'
    | 'skipOutboundPorts'
    | 'skipSubnets'
    | 'requireIdentityOnPorts'
    | 'proxy'
    | 'tracing'
    | 'registry'
    | 'version'
    | 'imagePullPolicy'
  > {}

/**
 * A mesh that is installed by somebody else: by another app, or by the command line. The workloads of the app get its
 * names and, where their sidecars are written at synth, its images and settings. Nothing is rendered.
 *
 * ```ts
 * MeshReference.of(app, { namespace: 'mesh', trustDomain: 'corp.example' });
 * ```
 */
export class MeshReference {
  /** Names the mesh of every workload in the tree that `scope` is part of. Throws for a prop that cannot be meant. */
  static of(scope: IConstruct, props: MeshReferenceProps): MeshReference {
    return new MeshReference(scope, props);
  }

  /** Namespace of the control plane. */
  readonly namespace: string;
  /** Domain that identities end with. */
  readonly trustDomain: string;

  private constructor(scope: IConstruct, props: MeshReferenceProps) {
    checkProps(meshShape, props, { scope, id: 'MeshReference' });
    const { config } = meshInstall(props);
    this.namespace = config.meshNamespace;
    this.trustDomain = config.trustDomain;
    registerInstallation(scope, config);
    if (config.linkerd2 !== undefined) reviewApp(scope);
  }
}
