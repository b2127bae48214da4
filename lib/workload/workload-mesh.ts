import type { ApiObject } from 'cdk8s';
import { Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { identityName } from '../contract/names.ts';
import type { Manifest } from '../inject/kubernetes.ts';
import { templateAt, templatePath, withTemplate } from '../inject/workload.ts';
import { kinds } from '../kinds/index.ts';
import type { NetworkMatch } from '../kinds/schema.ts';
import { installationOf } from '../mesh/installation.ts';
import {
  type AuthorizerOptions,
  authorizerShape,
  externalAuthorizationSpec,
} from '../policy/external-authorization.ts';
import {
  callerForm,
  type IMeshPeer,
  type MeshCaller,
  type MeshPeerIdentities,
  namesSomebody,
  peerOf,
} from '../policy/mesh-peer.ts';
import { Network, networksForm, networksOf } from '../policy/network.ts';
import { checkedSpec } from '../policy/policy-object.ts';
import { type RateLimitOptions, rateLimitShape, rateLimitSpec } from '../policy/rate-limit.ts';
import {
  claimsShape,
  issuerShape,
  type JwtClaims,
  type JwtIssuer,
  requestAuthenticationSpec,
} from '../policy/request-authentication.ts';
import { checkProps } from '../props/check-props.ts';
import { instance, listOf, needed, number, type Shape } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { CircuitBreaker } from '../traffic/circuit-breaker.ts';
import {
  checkTries,
  type RetryOptions,
  retryAnnotations,
  type TimeoutOptions,
  timeoutAnnotations,
} from '../traffic/retries-and-timeouts.ts';
import { retriesShape, timeoutsShape } from '../traffic/settings-shape.ts';
import { Injection } from './injection.ts';
import type { MeshOptions } from './mesh-options.ts';
import { meshApiObject } from './meshing.ts';
import type { RequestDemand } from './policy-plan.ts';
import { rememberFacet } from './workload-policies.ts';

/** Which ports of a workload something is said of. */
export interface PortsOption {
  /**
   * Ports of its containers.
   *
   * @default - all that are not opaque
   */
  readonly ports?: number[];
}

const portsShape: Shape<PortsOption> = { ports: listOf(number) };
const limitShape: Shape<RateLimitOptions & PortsOption> = { ...rateLimitShape, ...portsShape };
const jwtShape: Shape<JwtIssuer & JwtClaims & PortsOption> = { ...issuerShape, ...claimsShape, ...portsShape };
const askedShape: Shape<AuthorizerOptions & PortsOption> = { ...authorizerShape, ...portsShape };

/** What the mesh knows of a workload, and does for it: the facet `mesh` of the meshed constructs. */
export class WorkloadMesh implements IMeshPeer {
  /** How the workload gets its sidecar. */
  readonly injection: Injection;

  private readonly object: ApiObject;
  private readonly givenAccount: string;
  private readonly options: MeshOptions;
  private readonly addedOpaquePorts = new Set<number>();
  private readonly callers: MeshPeerIdentities[] = [];
  private readonly unmeshed = new Map<number, readonly NetworkMatch[]>();
  private readonly demands: RequestDemand[] = [];
  private readonly traffic = new Map<string, string>();
  private readonly said = new Set<string>();
  private hasOwnAccount = false;
  private isRemembered = false;

  /**
   * @param object the workload's object, whose rendering is changed.
   * @param serviceAccount name of the account that the pods run as; of one that runs as `default`, unless the object says so
   * itself, the mesh makes an account of its own as soon as it has to be told from others.
   */
  constructor(object: ApiObject, serviceAccount: string, options: MeshOptions = {}) {
    this.object = object;
    this.givenAccount = serviceAccount;
    this.options = options;
    this.injection = options.injection ?? Injection.webhook();
    const render: () => Manifest = object.toJson.bind(object);
    object.toJson = () => this.withAccount(render());
    meshApiObject(object, () => this.settings, 'workload');
  }

  /**
   * The name that other workloads know this one by, proven by its certificate:
   * `<service account>.<namespace>.serviceaccount.identity.<mesh namespace>.<trust domain>`.
   */
  get identity(): string {
    return identityName(this.serviceAccount, this.namespace, installationOf(this.object));
  }

  /** The namespace of the workload: its own, else that of its chart, else `default`. */
  get namespace(): string {
    return this.object.metadata.namespace ?? Chart.of(this.object).namespace ?? 'default';
  }

  /**
   * The account that the pods run as. Of a workload that was given none it is `default`, until it is named as somebody's
   * caller: from then on it has one with its own name.
   */
  get serviceAccount(): string {
    return this.hasOwnAccount ? this.object.name : this.givenAccount;
  }

  /**
   * Lets callers in, by the identities that their certificates prove, at every port of the workload; from the first call on
   * nobody else is, but who is let in by `allowUnmeshed`, and the kubelet's HTTP probes. Callers of further calls are added.
   *
   * Workloads are told apart by their ServiceAccounts: a caller that was given none gets one of its own.
   */
  allowFrom(...callers: MeshCaller[]): this {
    if (callers.length === 0) {
      throw new Error(
        `${this.path}: 'allowFrom' () would let in nobody: name who may call, or say inboundPolicy: InboundPolicy.deny()`,
      );
    }
    this.checkProps({ allowFrom: needed(listOf(callerForm)) }, { allowFrom: callers });
    const peers = callers.map((caller) => peerOf(caller, `${this.path}: 'allowFrom'`));
    if (!peers.every(namesSomebody)) throw new Error(`${this.path}: 'allowFrom' names a peer that is nobody`);
    this.callers.push(...peers);
    return this.remembered();
  }

  /**
   * Lets in callers without an identity at one port, from some networks or from everywhere; nobody else is let in there, but
   * whom `allowFrom` names.
   */
  allowUnmeshed(port: number, ...networks: (Network | string)[]): this {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new Error(`${this.path}: 'port' (${port}) must be a port from 1 to 65535`);
    }
    this.checkProps({ networks: needed(networksForm) }, { networks });
    const added = networksOf(networks.length === 0 ? [Network.everywhere()] : networks);
    this.unmeshed.set(port, [...(this.unmeshed.get(port) ?? []), ...added]);
    return this.remembered();
  }

  /** Adds ports whose bytes are passed on as they are, to those of `MeshOptions.opaquePorts`: the mesh's own hold no longer. */
  opaquePorts(...ports: number[]): this {
    const wrong = ports.find((port) => !Number.isInteger(port) || port < 1 || port > 65_535);
    if (wrong !== undefined || ports.length === 0) {
      throw new Error(`${this.path}: 'opaquePorts' (${ports.join(', ')}) must be ports from 1 to 65535`);
    }
    for (const port of ports) this.addedOpaquePorts.add(port);
    return this;
  }

  /** Answers requests beyond a limit by 429; each pod counts for itself. Said once. */
  rateLimit(limit: RateLimitOptions & PortsOption): this {
    this.checkProps(limitShape, limit);
    return this.ask('rateLimit', 'HTTPLocalRateLimitPolicy', limit, (target) => rateLimitSpec(limit, target));
  }

  /** Lets in requests alone that bring a token of an end user. Said once; a `RequestAuthentication` takes several issuers. */
  requireJwt(jwt: JwtIssuer & JwtClaims & PortsOption): this {
    this.checkProps(jwtShape, jwt);
    return this.ask('requireJwt', 'RequestAuthentication', jwt, (target) =>
      requestAuthenticationSpec([jwt], jwt, target),
    );
  }

  /** Has a Service asked whether a request may come in (envoy.service.auth.v3). Said once. */
  authorizer(service: IConstruct, options: AuthorizerOptions & PortsOption = {}): this {
    this.checkProps({ authorizer: needed(constructForm) }, { authorizer: service });
    this.checkProps(askedShape, options);
    return this.ask('authorizer', 'ExternalAuthorization', options, (target, namespace) =>
      externalAuthorizationSpec(service, options, target, namespace),
    );
  }

  /** Has clients try requests to the Services of this workload again. Said once. */
  retries(options: RetryOptions): this {
    this.checkProps(retriesShape, options);
    return this.onServices('retries', retryAnnotations(options));
  }

  /** How long clients wait for the Services of this workload. Said once. */
  timeouts(options: TimeoutOptions): this {
    this.checkProps(timeoutsShape, options);
    return this.onServices('timeouts', timeoutAnnotations(options));
  }

  /** Has clients leave endpoints of this workload alone that fail, for a while. Said once. */
  circuitBreaker(breaker: CircuitBreaker = CircuitBreaker.consecutiveFailures()): this {
    this.checkProps({ circuitBreaker: needed(instance(() => CircuitBreaker)) }, { circuitBreaker: breaker });
    return this.onServices('circuitBreaker', breaker._annotations);
  }

  /** Who this workload is to those that it calls. Throws for one without a sidecar, which proves no identity. */
  toMeshPeer(): MeshPeerIdentities {
    if (this.injection._mode === 'disabled') {
      throw new Error(`${this.path} has no sidecar (Injection.disabled()), so that it proves no identity: mesh it`);
    }
    if (this.givenAccount === 'default') {
      this.hasOwnAccount = true;
      this.remembered();
    }
    return { serviceAccounts: [{ name: this.serviceAccount, namespace: this.namespace }] };
  }

  /** @internal Ports that are told to be opaque; undefined when the mesh's defaults hold. */
  get _opaquePorts(): number[] | undefined {
    return this.settings.opaquePorts;
  }

  private get settings(): MeshOptions {
    if (this.addedOpaquePorts.size === 0) return this.options;
    return {
      ...this.options,
      opaquePorts: [...new Set([...(this.options.opaquePorts ?? []), ...this.addedOpaquePorts])],
    };
  }

  /** Of the construct that people wrote: its object is a child of that. */
  private get path(): string {
    return (this.object.node.scope ?? this.object).node.path;
  }

  private checkProps<Options extends object>(shape: Shape<Options>, options: Options): void {
    checkProps(shape, options, { scope: this.object.node.scope ?? this.object, id: '' });
  }

  private ask(word: string, kind: RequestDemand['kind'], { ports }: PortsOption, spec: RequestDemand['spec']): this {
    this.once(word);
    if (ports?.length === 0) throw new Error(`${this.path}: 'ports' () must name one: leave it out for all of them`);
    // What cannot be meant is told where it is said; the ports are known at synth.
    checkedSpec(kinds[kind], spec({ group: 'policy.linkerd.io', kind: 'Server', name: 'any' }, this.namespace));
    this.demands.push({ word, kind, ports, spec });
    return this.remembered();
  }

  private onServices(name: string, annotations: Readonly<Record<string, string>>): this {
    this.once(name);
    for (const [key, value] of Object.entries(annotations)) this.traffic.set(key, value);
    try {
      checkTries(this.traffic);
    } catch (error) {
      throw new Error(`${this.path}: ${(error as Error).message}`);
    }
    return this.remembered();
  }

  /** What would contradict itself, or stand in place of what was said before. */
  private once(name: string): void {
    if (this.said.has(name)) throw new Error(`${this.path}: '${name}' has been said already: say all of it at once`);
    this.said.add(name);
  }

  private remembered(): this {
    if (this.isRemembered) return this;
    this.isRemembered = true;
    const mesh = this;
    rememberFacet({
      object: this.object,
      wishes: { callers: this.callers, unmeshed: this.unmeshed, demands: this.demands },
      traffic: this.traffic,
      get hasOwnAccount() {
        return mesh.hasOwnAccount;
      },
      get serviceAccount() {
        return mesh.serviceAccount;
      },
    });
    return this;
  }

  private withAccount(manifest: Manifest): Manifest {
    const path = this.hasOwnAccount ? templatePath(manifest) : undefined;
    const template = path && templateAt(manifest, path);
    if (path === undefined || template?.spec === undefined || template.spec.serviceAccountName !== undefined) {
      return manifest;
    }
    const spec = { ...template.spec, serviceAccountName: this.serviceAccount };
    return withTemplate(manifest, path, { ...template, spec });
  }
}
