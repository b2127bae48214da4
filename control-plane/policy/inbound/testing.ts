import { afterEach, expect, vi } from 'vitest';
import { PolicyWorld } from '../testing.ts';

export const group = 'policy.linkerd.io';
export const policy = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: `${group}/${kind === 'Server' || kind === 'HTTPRoute' ? 'v1beta3' : kind === 'ServerAuthorization' ? 'v1beta1' : 'v1alpha1'}`,
  kind,
  metadata: { name, namespace: 'shop', ...metadata },
  spec,
});
export const namespace = (annotations = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', annotations },
});
export const pod = (annotations = {}, labels: object = { app: 'web' }, name = 'web') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels, annotations },
  spec: {
    containers: [
      {
        name: 'web',
        ports: [
          { name: 'http', containerPort: 8080 },
          { name: 'admin', containerPort: 9090 },
        ],
        livenessProbe: { httpGet: { path: '/live?full', port: 'http' } },
      },
    ],
  },
});
export const server = (name: string, spec: object = {}, metadata: object = {}) =>
  policy('Server', name, { podSelector: { matchLabels: { app: 'web' } }, port: 8080, ...spec }, metadata);
export const serverRef = { group, kind: 'Server', name: 'web' };
export const authz = (name: string, targetRef: object, ...refs: object[]) =>
  policy('AuthorizationPolicy', name, { targetRef, requiredAuthenticationRefs: refs });
export const account = { kind: 'ServiceAccount', name: 'client', namespace: 'other' };
export const clientIdentity = 'client.other.serviceaccount.identity.tulle.cluster.local';

export interface Policy {
  labels: object;
  protocol: Record<string, { httpRoutes?: Route[]; routes?: Route[] }>;
  authorizations?: { labels: { name: string }; networks: unknown; authentication: Record<string, unknown> }[];
}
export interface Route {
  tracing?: { sampleRate?: number };
  metadata: { default?: string; resource?: object };
  authorizations?: { labels: { name: string } }[];
  rules: object[];
}

/** Policies that each test of a file starts for itself, and that end with it. */
export function inboundPolicies() {
  let world: PolicyWorld;
  afterEach(() => world.stop());
  const start = async (...objects: object[]): Promise<PolicyWorld> => {
    world = await PolicyWorld.start(objects);
    return world;
  };
  return {
    start,
    /** That of a port of the pod `web`. */
    async policyOf(port: number, ...objects: object[]): Promise<Policy> {
      const seen = (await start(...objects)).watchPort(port);
      await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
      return seen.messages[0] as Policy;
    },
  };
}

export const authorizers = ({ authorizations = [] }: Policy): string[] =>
  authorizations.map(({ labels }) => labels.name);
