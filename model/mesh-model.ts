import type { Manifest } from '../lib/inject/index.ts';
import { installedConfig } from '../lib/inject/installed-config.ts';
import type { KubernetesObject } from '../lib/kinds/kubernetes-object.ts';
import { lineOf } from '../lib/validation/finding.ts';
import { nameOf } from '../lib/validation/manifest-model.ts';
import { modelOfManifests } from '../lib/validation/model-of-manifests.ts';
import { review } from '../lib/validation/review.ts';
import { rules } from '../lib/validation/rules/index.ts';
import { knownAnnotations } from '../lib/validation/rules/known-annotations.ts';
import { type IpAddress, parseIp } from '../proxy/wire/ip-network.ts';
import type { AppLike } from './app-like.ts';
import { arrival } from './arrival.ts';
import type { Call } from './call.ts';
import type { CallResult } from './call-result.ts';
import { fromSomewhere } from './client-addresses.ts';
import { compare } from './compare.ts';
import type { Comparison } from './comparison.ts';
import { departure } from './departure.ts';
import { doorsOf } from './doors.ts';
import { find } from './find-workload.ts';
import { headOf } from './head.ts';
import type { HeldAuthorization } from './held-authorization.ts';
import { heldAt } from './held-authorizations.ts';
import { policyOf } from './inbound.ts';
import { objectsOfApp, objectsOfFolder, objectsOfText } from './manifests.ts';
import { outboundDecision } from './outbound.ts';
import { type SimulatedCluster, simulatedCluster, workloadPorts } from './simulated-cluster.ts';
import { workloadName } from './workload.ts';
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
  /**
   * Method of the request.
   *
   * @default GET
   */
  readonly method?: string;
  /** `host` among them is what the request is for, at the address of `to`. @default - none */
  readonly headers?: Readonly<Record<string, string>>;
  /** It is a gRPC call. @default - when the method is POST and the headers say so */
  readonly grpc?: boolean;
  /** Name that TLS of the application asks for. @default - the host of `to` */
  readonly serverName?: string;
  /** Address of a client that is no workload, as policy tells them apart by networks. @default - one outside of the cluster */
  readonly address?: string;
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
    const address = addressOf(options);
    return this.made({
      from,
      address,
      url,
      path: path ?? url.pathname + url.search,
      method,
      headers,
      grpc,
      connection,
      token,
    });
  }

  /**
   * Identities of the workloads that may call `workload`, at any of its ports (or at `port`) by any route, in the order
   * of their names; `*` among them where a client without an identity may, from some network at least.
   */
  callersOf(workload: WorkloadLike, port?: number): readonly string[] {
    const to = find(this.cluster.workloads, workload);
    const ports = port === undefined ? workloadPorts(this.cluster, to) : [port];
    const doors = ports.flatMap((each) => doorsOf(to, each, this.cluster.context));
    const callers = [undefined, ...this.cluster.workloads]
      .filter((from) => doors.some(({ lets, addresses }) => fromSomewhere(from, addresses, lets)))
      .map((from) => from?.identity ?? anyone);
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
    const { from, grpc, connection } = call;
    const head = headOf(call);
    const left = departure(call, head, context);
    const outbound = outboundDecision(from, left, head, grpc, connection, context);
    const places = outbound.places.map((place) => arrival(place, call, outbound, left, this.cluster));
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
      steps: [...left.steps, ...outbound.steps, ...places.flatMap(({ steps }) => steps)],
    };
  }
}

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

function addressOf({ address, from }: CallOptions): IpAddress | undefined {
  if (address === undefined) return undefined;
  if (from !== undefined) throw new Error(`'address' (${address}) must be left out: pods of 'from' have theirs`);
  const read = parseIp(address);
  if (read === undefined) throw new Error(`'address' (${address}) must be an address such as 10.20.0.7 or fd00::7`);
  return read;
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
