import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { ConnectionLimits } from '../serving/connection-limits.ts';
import { refusalLog } from '../serving/refusal-log.ts';
import {
  type AdmissionRequest,
  type AdmissionResponse,
  formatReview,
  parseReview,
  ReviewError,
} from './admission-review.ts';
import { RequestRefused, readBody } from './request-body.ts';
import type { WebhookMetrics } from './webhook-metrics.ts';

/** Decides about one object. What it throws refuses the object, with its message; `Unavailable` is the exception. */
export type AdmissionHandler = (request: AdmissionRequest) => AdmissionResponse | Promise<AdmissionResponse>;

/** Nothing can be said about any object now. The webhook's `failurePolicy` decides what becomes of this one. */
export class Unavailable extends Error {}

export interface WebhookServerOptions {
  /** `proxy-injector`, in metrics, logs and messages. */
  readonly name: string;
  readonly handle: AdmissionHandler;
  readonly log: Logger;
  readonly metrics: WebhookMetrics;
  /** How long a handler may take before the answer is 503. Default 5 s: the API server waits for 10 s in all. */
  readonly handlerTimeoutMs?: number;
  /** PEM. Who calls must show a certificate of one of them; undefined takes calls from everybody. */
  readonly clientAuthorities?: string;
  /** Default 512: an API server keeps a few, so this is far beyond a large cluster's. */
  readonly maxConnections?: number;
  /** Of one address. Default 256: behind a proxy, all API servers may have one. */
  readonly maxConnectionsPerAddress?: number;
  /** For a handshake, and for the head of a call. Default 5 s, or as long as a whole call may take if that is less. */
  readonly headTimeoutMs?: number;
  /** For the whole of a call. Default 10 s. */
  readonly receiveTimeoutMs?: number;
  /** How long calls are still taken after a stop, until every API server has learned of it. Default 3 s. */
  readonly drainMs?: number;
}

/** Longer than the API server keeps idle connections (90 s), so that none is closed on it while it sends a call. */
const keepAliveMs = 120_000;
/** How long calls that are being answered may take at the end. */
const closeTimeoutMs = 10_000;
const jsonType = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/**
 * Answers AdmissionReviews over TLS 1.3. It listens without a certificate too, and then refuses every handshake until
 * `useCertificate` was called; a later certificate serves new connections, and leaves those that stand alone.
 */
export class WebhookServer {
  readonly server: Server;
  private readonly options: WebhookServerOptions;
  /** Sockets whose TLS is not made yet, by their peer: a server counts them among its own, and ends none of them. */
  private readonly handshaking = new Map<string, Socket>();
  private readonly limits: ConnectionLimits;
  private draining = false;

  constructor(options: WebhookServerOptions) {
    this.options = options;
    const { name, metrics, log, maxConnections = 512, maxConnectionsPerAddress = 256 } = options;
    const { receiveTimeoutMs = 10_000, headTimeoutMs = Math.min(5000, receiveTimeoutMs) } = options;
    this.server = createServer({
      minVersion: 'TLSv1.3',
      requestCert: options.clientAuthorities !== undefined,
      rejectUnauthorized: true,
      handshakeTimeout: headTimeoutMs,
      headersTimeout: headTimeoutMs,
      requestTimeout: receiveTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, headTimeoutMs / 2),
      keepAliveTimeout: keepAliveMs,
    });
    const tell = refusalLog(log, name);
    this.limits = new ConnectionLimits({
      most: maxConnections,
      mostPerAddress: maxConnectionsPerAddress,
      onRefused: (limit, address) => {
        metrics.refused.inc({ webhook: name, limit });
        tell(limit, address);
      },
    });
    this.limits.watch(this.server);
    this.server.on('request', (request, response) => void this.answer(request, response));
    this.server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.handshaking.set(peer, socket);
      socket.once('close', () => this.handshaking.delete(peer));
    });
    this.server.on('secureConnection', (socket) => this.handshaking.delete(peerOf(socket)));
    this.server.on('tlsClientError', (error: Error, socket) => {
      metrics.tlsErrors.inc({ webhook: name });
      log.debug({ webhook: name, peer: socket.remoteAddress, error: error.message }, 'no TLS with a client');
    });
  }

  /** PEM, the certificate with its intermediates. Throws when it cannot be used; the former one then stays. */
  useCertificate({ certificate, key }: { readonly certificate: string; readonly key: string }): void {
    this.server.setSecureContext({ minVersion: 'TLSv1.3', cert: certificate, key, ca: this.options.clientAuthorities });
  }

  /** Takes calls for a moment more, each on its last connection, and ends when they are answered. */
  async stop(): Promise<void> {
    this.draining = true;
    await new Promise((resolve) => setTimeout(resolve, this.options.drainMs ?? 3000));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.server.closeAllConnections(), closeTimeoutMs);
      this.server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.server.closeIdleConnections();
      for (const socket of this.handshaking.values()) socket.destroy();
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { name, log, metrics } = this.options;
    const end = metrics.latency.startTimer({ webhook: name });
    response.on('error', () => {}); // the client has gone, and so has the need for an answer
    let code = 200;
    let body: string;
    try {
      body = await this.review(request);
    } catch (error) {
      code = statusOf(error);
      body = `${(error as Error).message}\n`;
      log.warn({ webhook: name, code, error: (error as Error).message }, 'call refused');
    }
    // What is left of a refused body is not read.
    const last = this.draining || !request.complete;
    response.writeHead(code, {
      'content-type': code === 200 ? 'application/json' : 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      ...(last ? { connection: 'close' } : {}),
    });
    response.end(body);
    this.limits.end(request.socket);
    end();
    metrics.requests.inc({ webhook: name, code: String(code) });
  }

  private async review(request: IncomingMessage): Promise<string> {
    if (request.url?.split('?')[0] !== '/') throw new RequestRefused(404, 'reviews are taken at /');
    if (request.method !== 'POST') throw new RequestRefused(405, 'a review must be sent with POST');
    if (!jsonType.test(request.headers['content-type'] ?? '')) {
      throw new RequestRefused(415, `content-type (${request.headers['content-type'] ?? ''}) must be application/json`);
    }
    const text = await readBody(request);
    this.limits.begin(request.socket);
    const review = parseReview(text);
    return formatReview(review, await this.decide(review.request));
  }

  private async decide(request: AdmissionRequest): Promise<AdmissionResponse> {
    const { name, handle, log, metrics, handlerTimeoutMs = 5000 } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Unavailable(`no answer within ${handlerTimeoutMs} ms`)), handlerTimeoutMs);
    });
    let response: AdmissionResponse;
    try {
      response = await Promise.race([handle(request), late]);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      const { message, stack } = error as Error;
      const { kind, namespace, name: object } = request;
      log.error({ webhook: name, kind: kind.kind, namespace, object, error: stack }, 'handler failed');
      response = { allowed: false, message: `tulle-${name}: ${kind.kind} ${namespace}/${object}: ${message}` };
    } finally {
      clearTimeout(timer);
    }
    metrics.decisions.inc({ webhook: name, allowed: String(response.allowed) });
    return response;
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

function statusOf(error: unknown): number {
  if (error instanceof RequestRefused) return error.code;
  if (error instanceof ReviewError) return 400;
  return error instanceof Unavailable ? 503 : 500;
}
