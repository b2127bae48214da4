export { Compat } from './mesh/compat.ts';
export type {
  ComponentAutoscaling,
  ComponentOptions,
  ComponentToleration,
  MeshComponents,
} from './mesh/component-options.ts';
export { DataPlane } from './mesh/data-plane.ts';
export { Interception } from './mesh/interception.ts';
export { LogLevel } from './mesh/log-level.ts';
export { Mesh } from './mesh/mesh.ts';
export type { MeshProps } from './mesh/mesh-props.ts';
export { MeshReference, type MeshReferenceProps } from './mesh/mesh-reference.ts';
export { CertManagerIssuer, type CertManagerOptions, TrustAnchors } from './mesh/trust-anchors.ts';
export { AuthorizationPolicy, type AuthorizationPolicyProps } from './policy/authorization-policy.ts';
export { EgressPolicy, type EgressPolicyProps, EgressTraffic } from './policy/egress-policy.ts';
export {
  type AuthorizerOptions,
  ExternalAuthorization,
  type ExternalAuthorizationProps,
} from './policy/external-authorization.ts';
export {
  type IMeshed,
  type IMeshPeer,
  type IServiceAccountSubject,
  type MeshCaller,
  MeshPeer,
  type MeshPeerIdentities,
  type ServiceAccountReference,
  type ServiceAccountSubject,
} from './policy/mesh-peer.ts';
export { MeshTlsAuthentication, type MeshTlsAuthenticationProps } from './policy/mesh-tls-authentication.ts';
export { Network } from './policy/network.ts';
export { NetworkAuthentication, type NetworkAuthenticationProps } from './policy/network-authentication.ts';
export { PodSelector } from './policy/pod-selector.ts';
export { PolicyObject, type PolicyObjectProps } from './policy/policy-object.ts';
export { PolicyTarget } from './policy/policy-target.ts';
export { Port } from './policy/port.ts';
export { ProxyProtocol } from './policy/proxy-protocol.ts';
export { RateLimit, type RateLimitOptions, type RateLimitOverride, type RateLimitProps } from './policy/rate-limit.ts';
export {
  type JwtClaims,
  type JwtIssuer,
  RequestAuthentication,
  type RequestAuthenticationProps,
  TokenPlace,
} from './policy/request-authentication.ts';
export { Server, type ServerProps } from './policy/server.ts';
export { Affinity, type AffinityOptions, type CookieAffinityOptions } from './traffic/affinity.ts';
export { ApiDescription } from './traffic/api-description.ts';
export { BlueGreen, type BlueGreenProps } from './traffic/blue-green.ts';
export { Canary, type CanaryProps, CanaryStep } from './traffic/canary.ts';
export {
  CircuitBreaker,
  type ConsecutiveFailuresOptions,
  type PenaltyOptions,
  type SuccessRateOptions,
} from './traffic/circuit-breaker.ts';
export {
  type ConnectionBackend,
  type ConnectionRouteProps,
  RouteVersion,
} from './traffic/connection-route.ts';
export { Failover, type FailoverProps } from './traffic/failover.ts';
export { FaultAbort, FaultInjection, type FaultInjectionProps, type GrpcFailure } from './traffic/fault-injection.ts';
export { Filter } from './traffic/filter.ts';
export type { CorsOptions, RedirectOptions, RewriteOptions } from './traffic/filter-options.ts';
export { GrpcRoute, type GrpcRouteProps } from './traffic/grpc-route.ts';
export type { HeaderValues } from './traffic/header-modifier.ts';
export { HttpRoute, type HttpRouteProps, type HttpRouteRule, type RuleTimeouts } from './traffic/http-route.ts';
export { type HttpMethod, Match } from './traffic/match.ts';
export { type Backend, type IObjectConstruct, MeshService, type MeshServiceOptions } from './traffic/mesh-service.ts';
export { Mirror, type MirrorProps } from './traffic/mirror.ts';
export { MirrorShare } from './traffic/mirror-share.ts';
export { PathRewrite } from './traffic/path-rewrite.ts';
export { type PatternProps, RouteProtocol } from './traffic/pattern.ts';
export { RequestCondition, ResponseCondition } from './traffic/profile-conditions.ts';
export type { ProfileRoute, ProfileRouteSettings, ResponseClass } from './traffic/profile-route.ts';
export type { RetryOptions, TimeoutOptions } from './traffic/retries-and-timeouts.ts';
export { type GrpcRetryCondition, RetryOn } from './traffic/retry-on.ts';
export type { RouteBackend } from './traffic/route-backend.ts';
export { BackendOrder, type RouteProps, type RouteRule } from './traffic/route-object.ts';
export { RouteParent } from './traffic/route-parent.ts';
export {
  type DescribedProfileProps,
  type OpenApiProfileProps,
  type ProfileDestination,
  type ProfileOptions,
  type RetryBudget,
  ServiceProfile,
  type ServiceProfileProps,
} from './traffic/service-profile.ts';
export { type CookieSessionsOptions, Sessions, type SessionsOptions } from './traffic/sessions.ts';
export type {
  OwnZone,
  RouteHedging,
  ServiceSettings,
  TrafficSettings,
} from './traffic/settings.ts';
export { Staging, type StagingProps } from './traffic/staging.ts';
export { TcpRoute, type TcpRouteProps } from './traffic/tcp-route.ts';
export { TlsRoute, type TlsRouteProps } from './traffic/tls-route.ts';
export { TrafficSplit, type TrafficSplitProps } from './traffic/traffic-split.ts';
export {
  MeshValidation,
  type MeshValidationContext,
  type MeshValidationProps,
  type MeshValidationResource,
  type MeshValidationViolation,
} from './validation/mesh-validation.ts';
export { AccessLog } from './workload/access-log.ts';
export { InboundPolicy } from './workload/inbound-policy.ts';
export { Injection } from './workload/injection.ts';
export { MeshInjection } from './workload/mesh-injection.ts';
export type { MeshOptions } from './workload/mesh-options.ts';
export { type MeshedClass, meshed, type WorkloadClass } from './workload/meshed.ts';
export { MeshedCronJob, type MeshedCronJobProps } from './workload/meshed-cron-job.ts';
export { MeshedDaemonSet, type MeshedDaemonSetProps } from './workload/meshed-daemon-set.ts';
export { MeshedDeployment, type MeshedDeploymentProps } from './workload/meshed-deployment.ts';
export { MeshedJob, type MeshedJobProps } from './workload/meshed-job.ts';
export { MeshedNamespace, type MeshedNamespaceProps } from './workload/meshed-namespace.ts';
export type { MeshedProps } from './workload/meshed-props.ts';
export { MeshedStatefulSet, type MeshedStatefulSetProps } from './workload/meshed-stateful-set.ts';
export { PodSecurity } from './workload/pod-security.ts';
export type { ProxyOptions } from './workload/proxy-options.ts';
export { PullPolicy } from './workload/pull-policy.ts';
export { Statsd, StatsdTags } from './workload/statsd.ts';
export { Tracing, type TracingOptions } from './workload/tracing.ts';
export { type MeshWarning, MeshWarnings } from './workload/warnings.ts';
export { type PortsOption, WorkloadMesh } from './workload/workload-mesh.ts';
