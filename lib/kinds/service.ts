import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { list, map, object, text, wholeNumber } from './schema.ts';

export interface Service extends KubernetesObject {
  readonly kind: 'Service';
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly internalTrafficPolicy?: string;
    /** For who makes the slices of Services where no cluster does. */
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly ServicePort[];
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly targetPort?: number | string;
  readonly appProtocol?: string;
}

/** What clients call. */
export const service: ReadKind<Service> = {
  group: '',
  kind: 'Service',
  plural: 'services',
  scope: 'Namespaced',
  builtIn: true,
  versions: [],
  shape: object({
    spec: object({
      type: text(),
      clusterIP: text(),
      clusterIPs: list(text()),
      internalTrafficPolicy: text(),
      selector: map(text()),
      ports: list(
        object({
          name: text(),
          'port*': wholeNumber,
          protocol: text(),
          targetPort: { 'x-kubernetes-int-or-string': true },
          appProtocol: text(),
        }),
      ),
    }),
  }),
  reads: {
    versions: ['v1'],
    keep: {
      spec: {
        type: 'shared',
        clusterIP: 'text',
        clusterIPs: 'texts',
        internalTrafficPolicy: 'shared',
        selector: 'labels',
        ports: [{ name: 'shared', port: 'number', protocol: 'shared', targetPort: 'port', appProtocol: 'shared' }],
      },
    },
  },
};
