import { serviceEndpoints } from '../control-plane/destination/endpoints.ts';
import type { Target } from '../control-plane/destination/target.ts';
import type { Manifest } from '../lib/inject/index.ts';
import { installedConfig } from '../lib/inject/installed-config.ts';
import type { KubernetesObject } from '../lib/kinds/kubernetes-object.ts';
import { lineOf } from '../lib/validation/finding.ts';
import { nameOf } from '../lib/validation/manifest-model.ts';
import { modelOfManifests } from '../lib/validation/model-of-manifests.ts';
import { review } from '../lib/validation/review.ts';
import { rules } from '../lib/validation/rules/index.ts';
import { knownAnnotations } from '../lib/validation/rules/known-annotations.ts';
import type { AppLike } from './app-like.ts';
import type { Call } from './call.ts';
import type { CallBackend, CallResult } from './call-result.ts';
import { compare } from './compare.ts';
import type { Comparison } from './comparison.ts';
import { doorsOf } from './doors.ts';
import { find } from './find-workload.ts';
import { headOf } from './head.ts';
import type { HeldAuthorization } from './held-authorization.ts';
import { heldAt } from './held-authorizations.ts';
import { clientOf, inboundDecision, policyOf } from './inbound.ts';
import { objectsOfApp, objectsOfFolder, objectsOfText } from './manifests.ts';
import { type OutboundDecision, type OutboundPlace, outboundDecision, targetOf } from './outbound.ts';
import { type SimulatedCluster, simulatedCluster, workloadPorts } from './simulated-cluster.ts';
import { type Workload, workloadName } from './workload.ts';
import type { WorkloadLike } from './workload-like.ts';

export interface CallOptions {
  /** Who calls: a workload construct, or its name (`shop/web`, `shop/deployment/web`). @default - from outside of the cluster */
  readonly from?: WorkloadLike;
  /**
   * What is called, as the caller writes it: `http://orders:8080/v2/items`. A connection that is no HTTP is `tcp://db:3306`, one
   * of TLS that the application speaks itself `tls://api.example` (port 443).
   */
  readonly to: string;
  /** As it stands in the request, where `to` would make another of it (`/a/../b`). @default - that of `to` */
  readonly path?: string;
  /** @default GET */
  readonly method?: string;
  /** @default - none */
  readonly headers?: Readonly<Record<string, string>>;
  /** It is a gRPC call. @default - when the method is POST and the headers say so */
  readonly grpc?: boolean;
  /** Name that TLS of the application asks for. @default - the host of `to` */
  readonly serverName?: string;
  /** It brings a valid token of an end user. @default false */
  readonly token?: boolean;
}

/** Who may call a workload that proves no identity, as it stands among the callers. */
export const anyone = '*';

/**
 * A mesh in memory, made of manifests: who may call whom, and where a call goes. Manifests go through the code of the
 * control plane, and what that tells proxies through the code of the proxy; nothing is started, and nothing is sent.
 */
export class MeshModel {
  /** The mesh that an app synthesizes, with all of its charts. */
  static of(app: AppLike): MeshModel {
    return new MeshModel(objectsOfApp(app), []);
  }

  /** The mesh of a folder of manifests, such as `dist/`. Throws when there is no such folder, or a file is no YAML. */
  static fromFolder(path: string): MeshModel {
    return new MeshModel(objectsOfFolder(path), []);
  }

  /** The mesh of manifests as text: YAML or JSON, several documents. Throws when it is neither. */
  static fromYaml(text: string): MeshModel {
    return new MeshModel(objectsOfText(text, 'manifests'), []);
  }

  /** The mesh of objects as an API server has them, each with `apiVersion`, `kind` and its namespace. */
  static fromObjects(objects: readonly object[]): MeshModel {
    return new MeshModel(objects as readonly KubernetesObject[], []);
  }

  /** What `after` lets pass that `before` did not, and the other way round. */
  static compare(before: MeshModel, after: MeshModel): Comparison {
    return compare(before, after);
  }

  /** What cannot take effect as it is written: the object, and why. */
  readonly problems: readonly string[];
  /** @internal */
  readonly cluster: SimulatedCluster;

  private constructor(objects: readonly KubernetesObject[], problems: readonly string[]) {
    this.cluster = simulatedCluster(objects);
    this.problems = [...problems, ...this.cluster.problems, ...brokenRules(objects)];
  }

  /** Names of all workloads, as `call` takes them. */
  get workloads(): readonly string[] {
    return this.cluster.workloads.map(workloadName);
  }

  /** Whether the pods of a workload have a sidecar. Throws when there is no such workload. */
  isMeshed(workload: WorkloadLike): boolean {
    return find(this.cluster.workloads, workload).meshed;
  }

  /** What becomes of a call. Throws when there is no such workload, or `to` is no URL. */
  call(options: CallOptions): CallResult {
    const { workloads } = this.cluster;
    const from = options.from === undefined ? undefined : find(workloads, options.from);
    const { to, path, method = 'GET', headers = {}, token = false } = options;
    const grpc = options.grpc ?? isGrpc(headers);
    const url = urlOf(to);
    const connection = connectionOf(url, options.serverName);
    return this.made({ from, url, path: path ?? url.pathname + url.search, method, headers, grpc, connection, token });
  }

  /**
   * Identities of the workloads that may call `workload`, at any of its ports (or at `port`) by any route, in the order
   * of their names; `*` among them where a client without an identity may.
   */
  callersOf(workload: WorkloadLike, port?: number): readonly string[] {
    const to = find(this.cluster.workloads, workload);
    const ports = port === undefined ? workloadPorts(this.cluster, to) : [port];
    const doors = ports.flatMap((each) => doorsOf(to, each, this.cluster.context));
    const callers = [undefined, ...this.cluster.workloads]
      .map((from) => ({ identity: from?.identity ?? anyone, client: clientOf(from, true) }))
      .filter(({ client }) => doors.some(({ lets }) => lets(client)))
      .map(({ identity }) => identity);
    return [...new Set(callers)].sort();
  }

  /**
   * What holds at the ports of a workload, or at `port`: each authorization of each route and Server, in the order in
   * which they are asked. Where nobody is let in there is one without an authorization; without a sidecar there is none.
   */
  authorizationsOf(workload: WorkloadLike, port?: number): readonly HeldAuthorization[] {
    const to = find(this.cluster.workloads, workload);
    const ports = port === undefined ? workloadPorts(this.cluster, to) : [port];
    return ports.flatMap((each) => heldAt(to, each, policyOf(to.pod, each, this.cluster.context)));
  }

  /** @internal */
  made(call: Call): CallResult {
    const { context } = this.cluster;
    const { from, url, grpc, connection } = call;
    const head = headOf(call);
    const target = targetOf(url.hostname.replace(/^\[|\]$/g, ''), portOf(url), from?.namespace ?? 'default', context);
    const outbound = outboundDecision(from, target, head, grpc, connection, context);
    const places = outbound.places.map((place) => this.at(place, call, outbound));
    const used = places.filter(({ backend }) => backend.share > 0);
    const refused = used.find(({ backend }) => !backend.allowed);
    const shown = refused ?? used[0];
    const sent = (outbound.places[0] ?? { head }).head;
    return {
      allowed: outbound.answer === undefined && refused === undefined,
      by: outbound.answer?.why ?? shown?.backend.by ?? 'nothing',
      status: outbound.answer?.status ?? refused?.status,
      route: outbound.rule,
      inboundRoute: shown?.route,
      backends: places.map(({ backend }) => backend),
      mtls: used.length > 0 && used.every(({ mtls }) => mtls),
      timeoutMs: outbound.timeoutMs ?? outbound.places[0]?.timeoutMs,
      retries: outbound.retries,
      sent: {
        path: sent.path,
        authority: sent.authority,
        headers: Object.fromEntries(sent.fields.map(({ name, value }) => [name, value])),
      },
      steps: [...outbound.steps, ...places.flatMap(({ steps }) => steps)],
    };
  }

  /** What becomes of the calls that are sent to one place. */
  private at(place: OutboundPlace, { from, token, url }: Call, outbound: OutboundDecision): Arrived {
    const { context } = this.cluster;
    const { cluster, config } = context;
    const { target, share } = place;
    if (target === undefined) {
      const missing = outbound.target !== undefined;
      const by = missing ? 'there is no such backend' : 'outside of the mesh';
      const [, host, port] = /^(.*?)(?::(\d+))?$/.exec(place.head.authority) ?? [];
      const named = { service: host, namespace: undefined, port: port === undefined ? portOf(url) : Number(port) };
      const backend = { ...named, share, allowed: !missing, by };
      return { backend, status: missing ? 500 : undefined, route: undefined, mtls: false, steps: [by] };
    }
    const named = namedOf(target, from);
    const pods = podsAt(target, this.cluster);
    if (pods.length === 0) {
      const by = target.kind === 'ip' ? 'outside of the mesh' : 'the Service has no endpoint';
      const allowed = target.kind === 'ip';
      return { backend: { ...named, share, allowed, by }, status: allowed ? undefined : 503, ...nowhere, steps: [by] };
    }
    const arrived = pods.map(({ podKey, port, identity }) => {
      const pod = cluster.pods.get(podKey);
      if (pod === undefined) throw new Error(`pod ${podKey} is not in the model`);
      const head = outbound.opaque ? undefined : place.head;
      return { ...inboundDecision(pod, port, from, head, token, context), mtls: identity !== undefined };
    });
    const refused = arrived.find(({ allowed }) => !allowed);
    const { by, status, route, steps, allowed } = refused ?? arrived[0];
    const mtls = from?.meshed === true && arrived.every((each) => each.mtls);
    const where = `${Math.round(share * 1000) / 10} % go to ${named.namespace ?? from?.namespace ?? config.meshNamespace}/${named.service}:${named.port}`;
    return { backend: { ...named, share, allowed, by }, status, route, mtls, steps: [where, ...steps] };
  }
}

interface Arrived {
  readonly backend: CallBackend;
  readonly status: number | undefined;
  readonly route: string | undefined;
  readonly mtls: boolean;
  readonly steps: readonly string[];
}

const nowhere = { route: undefined, mtls: false };

const isGrpc = (headers: Readonly<Record<string, string>>): boolean =>
  Object.entries(headers).some(
    ([name, value]) => name.toLowerCase() === 'content-type' && value.startsWith('application/grpc'),
  );

function urlOf(to: string): URL {
  const url = URL.parse(to);
  const isCarried = url !== null && ['http:', 'tcp:', 'tls:'].includes(url.protocol) && url.hostname !== '';
  if (!isCarried || (url.protocol === 'tcp:' && url.port === '')) {
    throw new Error(
      `'to' (${to}) must be a URL such as http://orders.shop:8080/v2/items, tcp://db:3306 or tls://api.example: sidecars carry plain HTTP, and encrypt it`,
    );
  }
  return url;
}

function connectionOf({ protocol, hostname }: URL, serverName: string | undefined): Call['connection'] {
  if (serverName !== undefined && protocol !== 'tls:') {
    throw new Error(
      `'serverName' (${serverName}) must be left out: only TLS asks for a name, which 'to' is then of (tls://)`,
    );
  }
  if (protocol === 'http:') return undefined;
  return { serverName: protocol === 'tls:' ? (serverName ?? hostname).toLowerCase() : undefined };
}

const portOf = ({ protocol, port }: URL): number => (port !== '' ? Number(port) : protocol === 'tls:' ? 443 : 80);

function namedOf(target: Target, from: Workload | undefined): Pick<CallBackend, 'service' | 'namespace' | 'port'> {
  if (target.kind === 'ip') return { service: target.ip, namespace: undefined, port: target.port };
  const { name, namespace, port, hostname } = target;
  const service = hostname === undefined ? name : `${hostname}.${name}`;
  return { service, namespace: namespace === from?.namespace ? undefined : namespace, port };
}

/** The pods that a target leads to, with the port of the application. */
function podsAt(
  target: Target,
  { context: { cluster, config } }: SimulatedCluster,
): readonly { readonly podKey: string; readonly port: number; readonly identity: string | undefined }[] {
  if (target.kind === 'ip') {
    const service = cluster.serviceAt(target.ip);
    if (service === undefined) {
      const pod = cluster.podAt(target.ip);
      const podKey = `${pod?.metadata.namespace}/${pod?.metadata.name}`;
      return pod === undefined ? [] : [{ podKey, port: target.port, identity: undefined }];
    }
    return endpointsOf(service, target.port, undefined);
  }
  const service = cluster.services.get(`${target.namespace}/${target.name}`);
  return service === undefined ? [] : endpointsOf(service, target.port, target.hostname);

  function endpointsOf(of: NonNullable<typeof service>, port: number, hostname: string | undefined) {
    return [...serviceEndpoints(of, port, hostname, cluster, config).values()].flatMap(({ podKey, record }) =>
      podKey === undefined ? [] : [{ podKey, port: record.port, identity: record.identity }],
    );
  }
}

/** What cannot work as it is written, by the rules that a synth and `tulle validate` look at, too. */
function brokenRules(objects: readonly KubernetesObject[]): string[] {
  const entries = (objects as unknown as Manifest[]).map((manifest) => ({ manifest }));
  const { config } = installedConfig(objects as unknown as Manifest[]);
  // What annotations say in vain, the control plane's own code has told by then.
  const others = rules.filter((rule) => rule !== knownAnnotations);
  return review(modelOfManifests(entries, config), others)
    .filter(({ severity }) => severity === 'error')
    .map((finding) => `${nameOf(finding.at.manifest)}: ${lineOf(finding)}`);
}
