import type { Chart } from 'cdk8s';
import { type Service, ServiceAccount } from 'cdk8s-plus-27';
import {
  AuthorizationPolicy,
  CircuitBreaker,
  EgressPolicy,
  EgressTraffic,
  ExternalAuthorization,
  type JwtIssuer,
  type MeshedDeployment,
  MeshPeer,
  MeshTlsAuthentication,
  Network,
  NetworkAuthentication,
  PolicyTarget,
  Port,
  ProxyProtocol,
  RateLimit,
  RequestAuthentication,
  RetryOn,
  Server,
  TokenPlace,
} from '../../lib/index.ts';
import { anyInboundPolicy } from './any-workloads.ts';
import type { Draw } from './draw.ts';

const anyNetwork = (draw: Draw): Network | string =>
  draw.of([
    () => draw.cidr(),
    () => Network.everywhere(),
    () => Network.cidr(`10.${draw.number(0, 255)}.0.0/8`, `10.${draw.number(0, 255)}.0.0/16`),
  ])();

const anyPeer = (draw: Draw): MeshPeer =>
  draw.of([
    () => MeshPeer.anyone(),
    () => MeshPeer.namespace(draw.name()),
    () => MeshPeer.serviceAccount('caller', draw.name()),
    () => MeshPeer.identity(`${draw.name()}.bank.serviceaccount.identity.mesh.corp.example`),
    () => MeshPeer.identity(`*.${draw.host()}`),
    () => MeshPeer.identity(`spiffe://${draw.host()}/${draw.name()}`),
  ])();

const anyLimits = (draw: Draw) => ({
  requestsPerSecond: draw.number(1000, 100_000),
  perIdentity: draw.maybe(() => draw.number(1, 1000)),
});

const keys = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';

const anyIssuer = (draw: Draw): JwtIssuer => ({
  issuer: `https://${draw.host()}`,
  audiences: draw.maybe(() => [draw.name()]),
  ...draw.of([{ jwks: keys }, { jwksUri: `https://${draw.host()}/keys` }]),
  from: draw.maybe(() => [
    draw.of([
      TokenPlace.header(draw.headerName(), 'Token '),
      TokenPlace.cookie(draw.name()),
      TokenPlace.queryParameter(draw.name()),
    ]),
  ]),
  forwardToken: draw.maybe(() => draw.flag()),
  claimsToHeaders: draw.maybe(() => ({ [draw.headerName()]: draw.name() })),
});

const anyClaims = (draw: Draw) => ({
  claims: draw.maybe(() => ({ [draw.name()]: [draw.name()] })),
});

/** Says some things of a workload that has a Service. */
export function anyWords(draw: Draw, { mesh }: MeshedDeployment, caller: MeshedDeployment, authorizer: Service): void {
  if (draw.flag()) mesh.allowFrom(caller, ...draw.list(0, 2, () => anyPeer(draw)));
  if (draw.flag()) mesh.allowUnmeshed(8080, ...draw.list(0, 2, () => anyNetwork(draw)));
  if (draw.flag()) mesh.rateLimit(anyLimits(draw));
  if (draw.flag()) mesh.requireJwt({ ...anyIssuer(draw), ...anyClaims(draw) });
  if (draw.flag()) mesh.authorizer(authorizer, anyAuthorizer(draw));
  if (draw.flag()) mesh.retries({ on: RetryOn.serverError(), limit: draw.maybe(() => draw.number(1, 5)) });
  if (draw.flag())
    mesh.timeouts({ request: draw.millis(2000, 100_000), response: draw.maybe(() => draw.millis(1, 2000)) });
  if (draw.flag()) mesh.circuitBreaker(anyBreaker(draw));
}

const anyBreaker = (draw: Draw): CircuitBreaker =>
  draw.of([
    () => CircuitBreaker.consecutiveFailures({ maxFailures: draw.maybe(() => draw.number(1, 100)) }),
    () =>
      CircuitBreaker.successRate({
        threshold: draw.maybe(() => draw.fraction(0.1, 1)),
        window: draw.maybe(() => draw.seconds(1, 60)),
        minRequests: draw.maybe(() => draw.number(1, 100)),
      }),
  ])();

const anyAuthorizer = (draw: Draw) => ({
  timeout: draw.maybe(() => draw.millis(50, 1000)),
  failOpen: draw.maybe(() => draw.flag()),
  includeRequestHeaders: draw.maybe(() => [draw.headerName()]),
  headersToBackend: draw.maybe(() => [draw.headerName()]),
  context: draw.maybe(() => ({ [draw.name()]: draw.headerValue() })),
});

/** Policy by objects, of a workload of which nothing was said. */
export function anyPolicies(draw: Draw, chart: Chart, guarded: MeshedDeployment, authorizer: Service): void {
  const server = new Server(chart, 'server', {
    ...{ pods: guarded, port: Port.number(8080) },
    protocol: draw.maybe(() =>
      draw.of([ProxyProtocol.detect(), ProxyProtocol.http1(), ProxyProtocol.http2(), ProxyProtocol.grpc()]),
    ),
    accessPolicy: draw.maybe(() => anyInboundPolicy(draw)),
  });
  const target = draw.of([server, PolicyTarget.namespace()]);
  const account = new ServiceAccount(chart, 'account', { metadata: { name: 'caller' } });
  const clients = new MeshTlsAuthentication(chart, 'clients', {
    clients: [account, ...draw.list(0, 2, () => anyPeer(draw))],
  });
  const networks = new NetworkAuthentication(chart, 'networks', { networks: draw.list(1, 3, () => anyNetwork(draw)) });
  new AuthorizationPolicy(chart, 'allow', {
    target,
    authentications: draw.of([[clients], [networks], [clients, networks], [account]]),
  });
  if (draw.flag()) new RateLimit(chart, 'limit', { target: server, ...anyLimits(draw) });
  if (draw.flag()) {
    const issuers = draw.list(1, 2, () => anyIssuer(draw));
    const optional = draw.maybe(() => draw.flag());
    new RequestAuthentication(chart, 'users', { target, issuers, ...(optional ? { optional } : anyClaims(draw)) });
  }
  if (draw.flag()) {
    new ExternalAuthorization(chart, 'authorizer', {
      target: server,
      authorizer,
      ...anyAuthorizer(draw),
    });
  }
  if (draw.flag()) {
    new EgressPolicy(chart, 'egress', {
      traffic: draw.of([EgressTraffic.allow(), EgressTraffic.deny()]),
      networks: draw.maybe(() =>
        draw.list(1, 2, () => draw.of(['1.1.1.0/24', '2606:4700::/32', 'x']).replace('x', '9.9.9.9/32')),
      ),
    });
  }
}
