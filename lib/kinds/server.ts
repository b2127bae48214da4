import type { LabelSelector } from '../contract/labels.ts';
import type { ReadKind } from './definition.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { labelSelector, object, oneOf, text } from './schema.ts';

export interface Server extends KubernetesObject {
  readonly kind: 'Server';
  readonly spec: {
    /** Left out by a Server that selects workloads outside the cluster. */
    readonly podSelector?: LabelSelector;
    readonly port: number | string;
    readonly proxyProtocol?: 'unknown' | 'HTTP/1' | 'HTTP/2' | 'gRPC' | 'opaque' | 'TLS';
    readonly accessPolicy?: string;
  };
}

const port = {
  'x-kubernetes-int-or-string': true,
  description: 'A port of the pods, by number or by the name of a container port.',
};
const proxyProtocol = {
  ...oneOf('unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS'),
  default: 'unknown',
  description: 'What is spoken on the port; unknown is detected.',
};
const accessPolicy = text({
  default: 'deny',
  description: 'Who may call when no authorization speaks of the Server: a default inbound policy.',
});
const columns = [
  { name: 'Port', jsonPath: '.spec.port', description: 'The port a server is listening on' },
  { name: 'Protocol', jsonPath: '.spec.proxyProtocol', description: 'The protocol of the server' },
];
const accessColumn = { name: 'Access Policy', jsonPath: '.spec.accessPolicy', description: 'Who may call by default' };

const podsOnly = object({ 'podSelector*': labelSelector, 'port*': port, proxyProtocol });
const podsOrExternal = (extra: Parameters<typeof object>[0]) =>
  object(
    {
      podSelector: labelSelector,
      externalWorkloadSelector: labelSelector,
      'port*': port,
      proxyProtocol,
      ...extra,
    },
    { oneOf: [{ required: ['podSelector'] }, { required: ['externalWorkloadSelector'] }] },
  );

/** A port of some pods: what policy and routes attach to. */
export const server: ReadKind<Server> = {
  group: 'policy.linkerd.io',
  kind: 'Server',
  plural: 'servers',
  scope: 'Namespaced',
  shortNames: ['srv'],
  isPolicyTarget: true,
  reads: { versions: ['v1beta3', 'v1beta2', 'v1beta1'], keep: { spec: 'any' } },
  versions: [
    {
      name: 'v1beta3',
      schema: object({ 'spec*': podsOrExternal({ accessPolicy }) }),
      columns: [...columns, accessColumn],
    },
    { name: 'v1beta2', schema: object({ 'spec*': podsOrExternal({}) }), columns },
    { name: 'v1beta1', schema: object({ 'spec*': podsOnly }), columns, deprecated: true },
    { name: 'v1alpha1', schema: object({ 'spec*': podsOnly }), columns, deprecated: true },
  ],
};
