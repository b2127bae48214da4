import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

export interface EndpointSlice extends KubernetesObject {
  readonly kind: 'EndpointSlice';
  readonly addressType?: string;
  readonly endpoints?: readonly SliceEndpoint[];
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[];
}

export interface SliceEndpoint {
  readonly addresses?: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly terminating?: boolean };
  readonly hostname?: string;
  readonly zone?: string;
  readonly nodeName?: string;
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[] };
  readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
}

/** Who answers for a Service. */
export const endpointSlice: ReadKind<EndpointSlice> = {
  group: 'discovery.k8s.io',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
  builtIn: true,
  versions: [],
  reads: {
    versions: ['v1'],
    keep: {
      addressType: 'shared',
      endpoints: [
        {
          addresses: 'texts',
          conditions: { ready: 'flag', terminating: 'flag' },
          hostname: 'text',
          zone: 'shared',
          nodeName: 'shared',
          hints: { forZones: [{ name: 'shared' }] },
          targetRef: { kind: 'shared', name: 'text', namespace: 'shared' },
        },
      ],
      ports: [{ name: 'shared', port: 'number', protocol: 'shared' }],
    },
  },
};
