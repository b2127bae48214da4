import type { KindSpec } from './definition.ts';
import { labelSelector, object, oneOf, text } from './schema.ts';

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
export const server: KindSpec = {
  group: 'policy.linkerd.io',
  kind: 'Server',
  plural: 'servers',
  shortNames: ['srv'],
  isRead: true,
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
