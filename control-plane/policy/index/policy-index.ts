import { trafficSettings } from '../../../lib/contract/traffic-annotations.ts';
import type { TrafficSettings } from '../../../lib/contract/traffic-settings.ts';
import type { AuthorizationPolicy } from '../../../lib/kinds/authorization-policy.ts';
import type { EgressNetwork } from '../../../lib/kinds/egress-network.ts';
import type { ExternalAuthorization } from '../../../lib/kinds/external-authorization.ts';
import type { FaultInjection } from '../../../lib/kinds/fault-injection.ts';
import type { HttpLocalRateLimitPolicy } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { MeshTlsAuthentication } from '../../../lib/kinds/mesh-tls-authentication.ts';
import type { NetworkAuthentication } from '../../../lib/kinds/network-authentication.ts';
import type { Pod } from '../../../lib/kinds/pod.ts';
import type { RequestAuthentication } from '../../../lib/kinds/request-authentication.ts';
import type { Server } from '../../../lib/kinds/server.ts';
import type { ServerAuthorization } from '../../../lib/kinds/server-authorization.ts';
import type { Service } from '../../../lib/kinds/service.ts';
import { Topics } from '../../cluster/topics.ts';
import { objectKey } from '../../sources/object-key.ts';
import type { ObjectSource } from '../../sources/object-source.ts';
import type { KeySets } from '../key-sets/key-sets.ts';
import { validateObject } from '../validator/index.ts';
import { EgressIndex } from './egress-index.ts';
import { FaultIndex } from './fault-index.ts';
import { GrantIndex } from './grant-index.ts';
import { policyTopics } from './policy-topics.ts';
import { RateLimitIndex } from './rate-limit-index.ts';
import { RouteIndex, type RouteKind } from './route-index.ts';
import { ServerIndex } from './server-index.ts';
import { TargetIndex } from './target-index.ts';

export { policyTarget } from './target-index.ts';

/** Told of what an object says that cannot take effect: `Service shop/web`, and why. */
export type OnProblem = (object: string, problem: string) => void;

/** Who fetches the keys of issuers. */
export type KeySetSource = Pick<KeySets, 'follow' | 'of'>;

/** Where nobody does: only keys that objects have themselves are known. */
const noKeySets: KeySetSource = { follow: () => {}, of: () => ({ jwks: '', problem: 'is fetched by nobody' }) };

/** Problems with which an object is not as if it were not there. */
const bearableProblems: Readonly<Record<string, RegExp>> = {
  // The port would have the default policy without it: a wrong access policy denies, a wrong protocol is found out.
  Server: /^spec\.(accessPolicy|proxyProtocol) /,
  // There would be no limit at all. Its own hold as they stand, and for clients that cannot be that of each identity.
  HTTPLocalRateLimitPolicy:
    /^spec\.\S+ .*must (be Server|be ServiceAccount|not be more than|name at least one|be named once)/,
};

/** The objects of policy as they are looked up, and who wants to know when they change. */
export class PolicyIndex {
  readonly topics: Topics;
  readonly routes: RouteIndex;
  readonly egress = new EgressIndex();
  readonly rateLimits = new RateLimitIndex();
  readonly grants = new GrantIndex();
  readonly faults = new FaultIndex();
  readonly meshTls = new Map<string, MeshTlsAuthentication>();
  readonly networks = new Map<string, NetworkAuthentication>();
  private readonly services = new Map<string, { readonly hasClusterIp: boolean; readonly settings: TrafficSettings }>();
  private readonly namespaces = new Map<string, ServerIndex>();
  private readonly policies = new TargetIndex<AuthorizationPolicy>();
  /** Those that are wrong, too, with what is wrong: what they were to shut stays shut. */
  readonly authentications = new TargetIndex<RequestAuthentication>();
  /** The same. */
  readonly authorizers = new TargetIndex<ExternalAuthorization>();
  private readonly unreadable = new WeakMap<KubernetesObject, string>();
  readonly keySets: KeySetSource;
  private readonly onProblem: OnProblem;
  private readonly stops: (() => void)[];

  constructor(source: ObjectSource, onProblem: OnProblem, topics = new Topics(), keySets = noKeySets) {
    this.topics = topics;
    this.keySets = keySets;
    this.onProblem = onProblem;
    this.routes = new RouteIndex(onProblem);
    const routes = (kind: RouteKind) =>
      source.watch(kind, ({ type, object }) => {
        for (const parent of this.routes.set(kind, object, type === 'deleted')) this.topics.touch(parent);
        this.topics.touch(policyTopics.attachments);
      });
    this.stops = [
      source.watch('Pod', ({ type, object }) => this.onPod(object, type === 'deleted')),
      source.watch('Service', ({ type, object }) => this.onService(object, type === 'deleted')),
      source.watch('Server', (event) => this.onServer(event.object, this.isGone(event))),
      source.watch('ServerAuthorization', (event) => this.onAuthorization(event.object, this.isGone(event))),
      source.watch('AuthorizationPolicy', (event) => {
        this.touchTargets(event.object, this.policies.set(event.object, this.isGone(event)));
      }),
      source.watch('RequestAuthentication', ({ type, object }) => this.onAuthentication(object, type === 'deleted')),
      source.watch('FaultInjection', ({ type, object }) => this.onFault(object, type === 'deleted')),
      source.watch('ExternalAuthorization', ({ type, object }) => this.onAuthorizer(object, type === 'deleted')),
      source.watch('MeshTLSAuthentication', (event) => {
        put(this.meshTls, event.object, this.isGone(event));
        this.topics.touch(policyTopics.authentication('mesh TLS', objectKey(event.object)));
      }),
      source.watch('NetworkAuthentication', (event) => {
        put(this.networks, event.object, this.isGone(event));
        this.topics.touch(policyTopics.authentication('network', objectKey(event.object)));
      }),
      source.watch('HTTPLocalRateLimitPolicy', (event) => this.onRateLimit(event.object, this.isGone(event))),
      source.watch('ReferenceGrant', ({ type, object }) => {
        this.topics.touch(policyTopics.grants(this.grants.set(object, type === 'deleted')));
        this.topics.touch(policyTopics.attachments);
      }),
      routes('PolicyHTTPRoute'),
      routes('HTTPRoute'),
      routes('GRPCRoute'),
      routes('TLSRoute'),
      routes('TCPRoute'),
      source.watch('EgressNetwork', ({ type, object }) => this.onEgressNetwork(object, type === 'deleted')),
    ];
  }

  close(): void {
    for (const stop of this.stops) stop();
  }

  /** The Servers that select a pod, by its `namespace/name`, the oldest first. */
  serversOfPod(namespace: string, name: string): readonly Server[] {
    return this.namespaces.get(namespace)?.ofPod(name) ?? [];
  }

  authorizationsOfServer(namespace: string, server: string): readonly ServerAuthorization[] {
    return this.namespaces.get(namespace)?.authorizationsOf(server) ?? [];
  }

  /** The AuthorizationPolicies of a namespace with a target, as `policyTarget` names it, by name. */
  policiesOf(namespace: string, target: string): AuthorizationPolicy[] {
    return this.policies.of(namespace, target);
  }

  /** What is wrong with one that is in `authentications` or `authorizers`; undefined when nothing is. */
  problemOf(object: RequestAuthentication | ExternalAuthorization): string | undefined {
    return this.unreadable.get(object);
  }

  /** The URLs that keys of one are fetched from; none for one that is wrong. */
  keyUrls(authentication: RequestAuthentication): string[] {
    if (this.unreadable.has(authentication)) return [];
    return (authentication.spec.jwtRules ?? []).flatMap(({ jwksUri }) => jwksUri ?? []);
  }

  /** What the annotations of a Service say; undefined when there is no such Service. */
  serviceSettings(key: string): TrafficSettings | undefined {
    return this.services.get(key)?.settings;
  }

  hasServer(key: string): boolean {
    return this.serverOf(key) !== undefined;
  }

  serverOf(key: string): Server | undefined {
    const [namespace, name] = key.split('/');
    return this.namespaces.get(namespace)?.servers.get(name);
  }

  hasEgressNetwork(key: string): boolean {
    return this.egress.get(key) !== undefined;
  }

  service(key: string): { readonly hasClusterIp: boolean } | undefined {
    return this.services.get(key);
  }

  /**
   * True for an object that is as if it were not there: deleted, or wrong, and so lets nobody in. Some are better than
   * nothing, and stay.
   */
  private isGone({ type, object }: { type: string; object: KubernetesObject }): boolean {
    if (type === 'deleted') return true;
    const problems = validateObject(object);
    for (const problem of problems) this.onProblem(`${object.kind} ${objectKey(object)}`, problem);
    const bearable = bearableProblems[object.kind];
    return problems.some((problem) => bearable === undefined || !bearable.test(problem));
  }

  private onPod(pod: Pod, deleted: boolean): void {
    if (this.inNamespace(pod, (servers) => servers.setPod(pod, deleted))) {
      this.topics.touch(policyTopics.serversOfPod(objectKey(pod)));
    }
  }

  private onService(service: Service, deleted: boolean): void {
    const key = objectKey(service);
    if (deleted) this.services.delete(key);
    else {
      const { clusterIP } = service.spec ?? {};
      const settings = trafficSettings(service.metadata.annotations, (annotation, value, rule) =>
        this.onProblem(`Service ${key}`, `metadata.annotations['${annotation}'] (${value}) ${rule}: it is ignored`),
      );
      // Manifests have no ClusterIP yet; those of a headless Service say None.
      this.services.set(key, { hasClusterIp: clusterIP !== 'None', settings });
    }
    this.topics.touch(policyTopics.service(key));
    this.topics.touch(policyTopics.attachments);
  }

  private onServer(server: Server, deleted: boolean): void {
    const { namespace = 'default' } = server.metadata;
    const pods = this.inNamespace(server, (servers) => servers.setServer(server, deleted));
    for (const pod of pods) this.topics.touch(policyTopics.serversOfPod(`${namespace}/${pod}`));
    this.topics.touch(policyTopics.server(objectKey(server)));
    this.topics.touch(policyTopics.attachments);
  }

  /** One that is wrong holds as far as it can be read: without it, what it was to shut would be open. */
  private onEgressNetwork(network: EgressNetwork, deleted: boolean): void {
    const key = objectKey(network);
    const { namespace = 'default' } = network.metadata;
    if (!deleted) {
      for (const problem of validateObject(network)) this.onProblem(`EgressNetwork ${key}`, problem);
    }
    this.egress.set(network, deleted, (annotation, value, rule) =>
      this.onProblem(`EgressNetwork ${key}`, `metadata.annotations['${annotation}'] (${value}) ${rule}: it is ignored`),
    );
    this.topics.touch(policyTopics.egressNetwork(key));
    this.topics.touch(policyTopics.egressNetworksOf(namespace));
    this.topics.touch(policyTopics.attachments);
  }

  private onRateLimit(policy: HttpLocalRateLimitPolicy, deleted: boolean): void {
    for (const server of this.rateLimits.set(policy, deleted)) this.topics.touch(policyTopics.server(server));
    this.topics.touch(policyTopics.attachments);
  }

  private onAuthorization(authorization: ServerAuthorization, deleted: boolean): void {
    const { namespace = 'default' } = authorization.metadata;
    const servers = this.inNamespace(authorization, (index) => index.setAuthorization(authorization, deleted));
    for (const server of servers) this.topics.touch(policyTopics.server(`${namespace}/${server}`));
  }

  private onAuthentication(object: RequestAuthentication, deleted: boolean): void {
    if (!deleted) this.noteProblems(object);
    this.keySets.follow(object.metadata, deleted ? [] : this.keyUrls(object));
    this.topics.touch(policyTopics.attachments);
    this.touchTargets(object, this.authentications.set(object, deleted));
  }

  private onFault(object: FaultInjection, deleted: boolean): void {
    const key = objectKey(object);
    const problems = deleted ? [] : validateObject(object);
    for (const problem of problems) this.onProblem(`${object.kind} ${key}`, problem);
    this.faults.set(object, deleted, problems);
    this.topics.touch(policyTopics.fault(key));
    this.topics.touch(policyTopics.attachments);
  }

  private onAuthorizer(object: ExternalAuthorization, deleted: boolean): void {
    if (!deleted) this.noteProblems(object);
    this.topics.touch(policyTopics.attachments);
    this.touchTargets(object, this.authorizers.set(object, deleted));
  }

  /** For an object that stays, whatever is wrong with it: what it was to shut is shut. */
  private noteProblems(object: RequestAuthentication | ExternalAuthorization): void {
    const problems = validateObject(object);
    for (const problem of problems) this.onProblem(`${object.kind} ${objectKey(object)}`, problem);
    if (problems.length > 0) this.unreadable.set(object, problems.join('; '));
  }

  private touchTargets({ metadata }: KubernetesObject, targets: ReadonlySet<string>): void {
    for (const target of targets) this.topics.touch(policyTopics.target(metadata.namespace ?? 'default', target));
  }

  private inNamespace<T>({ metadata }: Server | Pod | ServerAuthorization, change: (servers: ServerIndex) => T): T {
    const { namespace = 'default' } = metadata;
    let servers = this.namespaces.get(namespace);
    if (servers === undefined) {
      servers = new ServerIndex();
      this.namespaces.set(namespace, servers);
    }
    const result = change(servers);
    if (servers.isEmpty) this.namespaces.delete(namespace);
    return result;
  }
}

function put<T extends Parameters<typeof objectKey>[0]>(objects: Map<string, T>, object: T, deleted: boolean): void {
  if (deleted) objects.delete(objectKey(object));
  else objects.set(objectKey(object), object);
}
