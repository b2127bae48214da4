import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Logger } from 'pino';
import { ApiErrorSchema, type TapByResourceRequest, TapByResourceRequestSchema } from '../../api/gen/viz_tap_pb.js';
import { BadTapRequest, observeRequest } from '../../api/tap/observe-request.ts';
import type { SidecarAddress } from '../../api/tap/sidecar-connection.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { ConnectionLimits } from '../serving/connection-limits.ts';
import { refusalLog } from '../serving/refusal-log.ts';
import { bodiesRight, mayTap, type TapTarget, tapRight } from './access.ts';
import { documentAt, kindOf, targetAt } from './api-documents.ts';
import { fanOut, framed } from './fan-out.ts';
import { type Caller, callerOf, isApiServer, type RequestHeaderAuth } from './request-header.ts';
import type { TapMetrics } from './tap-metrics.ts';
import type { PodsOf, TappedPods } from './tapped-pods.ts';

export interface TapServerOptions {
  readonly api: Pick<KubernetesApi, 'create'>;
  readonly pods: TappedPods;
  /** Where the sidecar of a pod is asked. */
  readonly addressOf: (pod: Pod) => SidecarAddress;
  readonly log: Logger;
  readonly metrics: TapMetrics;
}

/** At once: of all users, of one, and pods of one tap. */
const maxTaps = 64;
const maxTapsOfUser = 8;
const maxPods = 200;
const maxRequestBytes = 64 * 1024;

/** Something is wrong with a call: what the API answers. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The API `tap.linkerd.io` of the cluster, as Linkerd's extension serves it: the API server passes on what users ask of it,
 * and says who they are. Nobody but the API server gets so far as to ask anything.
 */
export class TapServer {
  readonly server: Server;
  private readonly options: TapServerOptions;
  private certificate: { readonly certificate: string; readonly key: string } | undefined = undefined;
  private auth: RequestHeaderAuth | undefined = undefined;
  private readonly tapsOf = new Map<string, number>();
  private taps = 0;

  constructor(options: TapServerOptions) {
    this.options = options;
    this.server = createServer({
      minVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: 5000,
      headersTimeout: 5000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 120_000,
    });
    const { log, metrics } = options;
    const tell = refusalLog(log, 'tap');
    const limits = new ConnectionLimits({
      most: 512,
      mostPerAddress: 256,
      onRefused: (limit, address) => tell(limit, address),
    });
    limits.watch(this.server);
    this.server.on('tlsClientError', (error: Error, socket) => {
      metrics.tlsErrors.inc();
      log.debug({ peer: socket.remoteAddress, error: error.message }, 'no TLS with a client');
    });
    this.server.on('request', (request, response) => {
      limits.begin(request.socket);
      response.once('close', () => limits.end(request.socket));
      void this.answer(request, response);
    });
  }

  /** Whether the API server can call by now. */
  get ready(): boolean {
    return this.certificate !== undefined && this.auth !== undefined;
  }

  /** PEM. Throws when it cannot be used; the former one then stays. */
  useCertificate(certificate: { readonly certificate: string; readonly key: string }): void {
    this.useContext(certificate, this.auth);
    this.certificate = certificate;
  }

  /** Who the API server is, and how it names users. Throws when it cannot be used. */
  useAuth(auth: RequestHeaderAuth): void {
    this.useContext(this.certificate, auth);
    this.auth = auth;
  }

  /** Ends all taps: they last until somebody ends them. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  /** Without the authorities of the API server there is no context, and each handshake fails. */
  private useContext(certificate: TapServer['certificate'], auth: RequestHeaderAuth | undefined): void {
    if (certificate === undefined || auth === undefined) return;
    const { certificate: cert, key } = certificate;
    this.server.setSecureContext({ minVersion: 'TLSv1.2', cert, key, ca: auth.clientAuthorities });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log, metrics } = this.options;
    const path = (request.url ?? '').split('?', 1)[0];
    response.on('error', () => {});
    try {
      const { auth } = this;
      if (auth === undefined || !isApiServer(request.socket as TLSSocket, auth)) {
        throw new Refusal(403, 'only the API server may call this');
      }
      const target = targetAt(path);
      if (target !== undefined && request.method === 'POST') {
        await this.tap(request, response, callerOf(request.headersDistinct, auth), target);
        return;
      }
      if (path.startsWith('/healthz')) {
        response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok');
        return;
      }
      const document = documentAt(path);
      sendJson(response, document === undefined ? 404 : 200, document ?? { paths: [] });
    } catch (error) {
      const { message } = error as Error;
      const status = error instanceof Refusal ? error.status : 503;
      metrics.refused.inc({ code: status });
      if (status >= 500) log.error({ path, error: message }, 'call failed');
      if (!response.headersSent) sendJson(response, status, { error: message });
      else response.destroy();
    }
  }

  private async tap(
    request: IncomingMessage,
    response: ServerResponse,
    caller: Caller | undefined,
    target: TapTarget & { readonly kind: string },
  ): Promise<void> {
    if (caller === undefined) throw new Refusal(401, 'the call names no user');
    const { api, pods, log, addressOf, metrics } = this.options;
    const { namespace, name, resource } = target;
    const body = await readBody(request);
    const tap = await mayTap(api, caller, { namespace, name, resource }, tapRight);
    if (!tap.allowed) {
      const why = because(tap.reason);
      throw new Refusal(403, `tap authorization failed (not authorized to access ${resource}.tap.linkerd.io${why})`);
    }
    const asked = decoded(body, target);
    const of = podsOf(asked, target);
    const observed = observedBy(asked);
    if (observed.bodyBytes > 0) {
      const bodies = await mayTap(api, caller, { namespace, name, resource }, bodiesRight);
      if (!bodies.allowed) {
        const { verb, subresource } = bodiesRight;
        const what = `${verb} ${resource}.tap.linkerd.io/${subresource}`;
        throw new Refusal(403, `bodies may not be seen (not authorized to ${what}${because(bodies.reason)})`);
      }
    }
    const { tapped, others } = pods.of(of);
    if (tapped.length === 0) {
      const why = others === 0 ? '' : `: ${others} have no sidecar that may be tapped, or do not run`;
      const title = of.name === '' ? of.kind : `${of.kind}/${of.name}`;
      sendProtoError(response, 'Not Found', `no pods to tap for ${title} in namespace ${namespace}${why}`);
      return;
    }
    const end = this.admit(caller.user);
    response.once('close', end);
    const chosen = tapped.slice(0, maxPods);
    const { bodyBytes } = observed;
    log.info({ user: caller.user, ...of, pods: chosen.length, bodyBytes }, 'tap begins');
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      ...(chosen.length < tapped.length
        ? { warning: `299 - "${chosen.length} of ${tapped.length} pods are tapped: name fewer"` }
        : {}),
    });
    response.flushHeaders();
    await fanOut({
      pods: chosen,
      request: observed,
      maxRps: asked.maxRps,
      addressOf,
      labelsAt: (ip) => pods.labelsAt(ip),
      response,
      onProblem: (pod, problem) =>
        log.warn({ pod: `${pod.metadata.namespace}/${pod.metadata.name}`, problem }, 'a sidecar is not tapped'),
      onEvent: () => metrics.events.inc(),
    });
    response.end();
  }

  /** Throws when there are too many taps. What it returns is called when this one is over. */
  private admit(user: string): () => void {
    const { metrics } = this.options;
    const own = this.tapsOf.get(user) ?? 0;
    if (this.taps >= maxTaps) throw new Refusal(429, `there are ${maxTaps} taps already`);
    if (own >= maxTapsOfUser) throw new Refusal(429, `${user} has ${maxTapsOfUser} taps already`);
    this.tapsOf.set(user, own + 1);
    metrics.open.set(++this.taps);
    return () => {
      const left = (this.tapsOf.get(user) ?? 1) - 1;
      if (left === 0) this.tapsOf.delete(user);
      else this.tapsOf.set(user, left);
      metrics.open.set(--this.taps);
    };
  }
}

const because = (reason: string): string => (reason === '' ? '' : `: ${reason}`);

/** What is asked in the body is what was let in by the path. */
function decoded(
  body: Uint8Array,
  { kind, namespace, name }: TapTarget & { readonly kind: string },
): TapByResourceRequest {
  let request: TapByResourceRequest;
  try {
    request = fromBinary(TapByResourceRequestSchema, body);
  } catch {
    throw new Refusal(400, 'the body is no TapByResourceRequest');
  }
  const resource = request.target?.resource;
  const isSame =
    resource?.type === kind && resource.name === name && (kind === 'namespace' || resource.namespace === namespace);
  // Who may tap a namespace may tap all of one kind in it.
  const isPart = kind === 'namespace' && resource?.name === '' && resource.namespace === namespace;
  if (!isSame && !isPart) throw new Refusal(400, 'tap request body did not match APIServer URL');
  if (isPart && kindOf(`${resource.type}s`) === undefined) throw new Refusal(400, `${resource.type} cannot be tapped`);
  if ((request.target?.labelSelector ?? '') !== '')
    throw new Refusal(400, 'labels choose no pods here: name a resource');
  return request;
}

function podsOf(
  request: TapByResourceRequest,
  { kind, namespace, name }: TapTarget & { readonly kind: string },
): PodsOf {
  const resource = request.target?.resource;
  return resource?.name === '' ? { namespace, kind: resource.type, name: '' } : { namespace, kind, name };
}

function observedBy(request: TapByResourceRequest): ReturnType<typeof observeRequest> {
  try {
    return observeRequest(request);
  } catch (error) {
    if (error instanceof BadTapRequest) throw new Refusal(400, error.message);
    throw error;
  }
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxRequestBytes) reject(new Refusal(413, `the body must have at most ${maxRequestBytes} bytes`));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => {});
    request.on('close', () => reject(new Refusal(400, 'the body ended early')));
  });
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    // What is left of a body is not read.
    ...(status < 400 ? {} : { connection: 'close' }),
  });
  response.end(body);
}

/** As Linkerd's extension has it, whose command line shows the message (linkerd2 pkg/protohttp). */
function sendProtoError(response: ServerResponse, title: string, message: string): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'linkerd-error': title });
  response.end(framed(toBinary(ApiErrorSchema, create(ApiErrorSchema, { error: message }))));
}
