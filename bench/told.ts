import type { Told } from './scenarios.ts';

const namespace = 'bench';
const gateway = 'gateway.networking.k8s.io/v1';
const policy = 'policy.linkerd.io';
/** Rules of a route, of which the last one fits. */
const rules = 20;

/** What the mesh is told of the Services of that name, all of which lead to one upstream. */
export function toldObjects(tokenRule: object): object[] {
  const http = (name: Told, annotations: Readonly<Record<string, string>>, spec: object) =>
    route('HTTPRoute', name, 80, annotations, spec);
  const httpRetries = { 'retry.linkerd.io/http': '5xx', 'retry.linkerd.io/limit': '10' };
  const before = Array.from({ length: rules - 1 }, (_, i) => i);
  const backends = (port: number) => [
    { name: 'behind', port, weight: 90 },
    { name: 'rules', port, weight: 10 },
  ];
  const header = {
    type: 'RequestHeaderModifier',
    requestHeaderModifier: { set: [{ name: 'x-route', value: 'rules' }] },
  };
  return [
    http('rules', httpRetries, {
      rules: [
        ...before.map((i) => ({
          matches: [{ path: { type: 'PathPrefix', value: `/v${i}` }, headers: [{ name: 'x-version', value: `${i}` }] }],
          backendRefs: backends(80),
        })),
        { filters: [header], backendRefs: backends(80), timeouts: { request: '10s', backendRequest: '5s' } },
      ],
    }),
    route(
      'GRPCRoute',
      'rules',
      90,
      { 'retry.linkerd.io/grpc': 'unavailable', 'timeout.linkerd.io/request': '10s' },
      {
        rules: [
          ...before.map((i) => ({ matches: [{ method: { service: `bench.V${i}` } }], backendRefs: backends(90) })),
          { filters: [header], backendRefs: backends(90) },
        ],
      },
    ),
    http('retries', httpRetries, { rules: [{ backendRefs: [{ name: 'behind', port: 80 }] }] }),
    http('flaky', httpRetries, { rules: [{ backendRefs: [{ name: 'behind', port: 80 }] }] }),
    {
      apiVersion: `${policy}/v1beta3`,
      kind: 'Server',
      metadata: { name: 'tokens', namespace },
      spec: {
        podSelector: { matchLabels: { app: 'tokens' } },
        ...{ port: 8080, proxyProtocol: 'HTTP/1', accessPolicy: 'all-unauthenticated' },
      },
    },
    {
      apiVersion: 'tulle.dev/v1alpha1',
      kind: 'RequestAuthentication',
      metadata: { name: 'tokens', namespace },
      spec: { targetRef: { group: policy, kind: 'Server', name: 'tokens' }, jwtRules: [tokenRule] },
    },
  ];
}

const route = (
  kind: string,
  name: Told,
  port: number,
  annotations: Readonly<Record<string, string>>,
  spec: object,
): object => ({
  apiVersion: gateway,
  kind,
  metadata: { name: `${name}-${port}`, namespace, annotations },
  spec: { parentRefs: [{ group: '', kind: 'Service', name, port }], ...spec },
});
