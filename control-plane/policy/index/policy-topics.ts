/** What a view depends on. Each is touched when what it names, or the set that it names, changes. */
export const policyTopics = {
  serversOfPod: (key: string) => `servers of ${key}`,
  /** The Server, its authorizations, its routes and its rate limits. */
  server: (key: string) => `Server ${key}`,
  /** A Service as an object, without its endpoints, and the routes to it. */
  service: (key: string) => `Service ${key}`,
  /** An EgressNetwork and the routes to it. */
  egressNetwork: (key: string) => `EgressNetwork ${key}`,
  /** Which EgressNetworks a namespace has. */
  egressNetworksOf: (namespace: string) => `EgressNetworks of ${namespace}`,
  /** The AuthorizationPolicies, RequestAuthentications and ExternalAuthorizations with a target. */
  target: (namespace: string, target: string) => `policies of ${namespace}/${target}`,
  authentication: (kind: 'mesh TLS' | 'network', key: string) => `${kind} authentication ${key}`,
  /** The ReferenceGrants of a namespace. */
  grants: (namespace: string) => `grants of ${namespace}`,
  /** A FaultInjection. */
  fault: (key: string) => `FaultInjection ${key}`,
  /** The keys that are fetched from a URL. */
  keySet: (url: string) => `keys of ${url}`,
  /** Any object of policy, Service or keys that are fetched: what decides what is accepted where. */
  attachments: 'attachments',
};
