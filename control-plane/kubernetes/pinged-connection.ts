import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import type { Readable } from 'node:stream';
import tls from 'node:tls';

/** The peer of a connection is gone without a word: it answers no ping. */
export class FrozenConnection extends Error {}

/** The head of an answer, and its body to read. */
export type Answer = Readable & { readonly statusCode?: number; readonly headers: IncomingHttpHeaders };

export interface PingTimes {
  /** Between pings. */
  readonly everyMs: number;
  /** A ping that is not answered for so long is the end of the connection. */
  readonly answerMs: number;
}

/** Together they are less than the 30 s within which a frozen watch must be noticed. */
const defaultPingTimes: PingTimes = { everyMs: 10_000, answerMs: 10_000 };

/** Of a stream, and of all: a page of events must not wait for another kind's. */
const streamWindow = 1024 * 1024;
const connectionWindow = 8 * streamWindow;

/**
 * One HTTP/2 connection for answers that go on, such as watches. A peer that is gone without a word looks just like a
 * quiet one, so it is pinged: when it does not answer, all streams end with a FrozenConnection.
 */
export class PingedConnection {
  private readonly session: ClientHttp2Session;
  private readonly timer: NodeJS.Timeout;
  private streams = 0;

  /** Undefined when the server does not speak HTTP/2. Rejects when it cannot be connected to. */
  static async connect(
    url: URL,
    options: tls.ConnectionOptions,
    signal: AbortSignal,
    times: PingTimes = defaultPingTimes,
  ): Promise<PingedConnection | undefined> {
    const socket = tls.connect({
      ...options,
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(url.port || 443),
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => void socket.destroy(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => {
        signal.removeEventListener('abort', abort);
        reject(new Error('the connection closed'));
      });
      socket.once('secureConnect', () => signal.removeEventListener('abort', abort));
    });
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return undefined;
    }
    const connection = new PingedConnection(url, socket, times);
    await connection.settled(signal);
    return connection;
  }

  private constructor(url: URL, socket: tls.TLSSocket, { everyMs, answerMs }: PingTimes) {
    const settings = { enablePush: false, initialWindowSize: streamWindow };
    this.session = http2.connect(url, { createConnection: () => socket, settings });
    this.session.once('connect', () => this.session.setLocalWindowSize(connectionWindow));
    // Its streams tell the same.
    this.session.on('error', () => {});
    this.timer = setInterval(() => this.ping(answerMs), everyMs);
    this.timer.unref();
    this.session.once('close', () => clearInterval(this.timer));
  }

  /** False once no new stream may be opened; those that are open may go on. */
  get usable(): boolean {
    return !this.session.closed && !this.session.destroyed;
  }

  /**
   * Whether the server takes one more stream now: kube-apiserver takes 100 at a time, and one that waits for another to
   * end waits for ever where streams are watches.
   */
  get hasRoom(): boolean {
    return this.usable && this.streams < Math.max(1, this.session.remoteSettings.maxConcurrentStreams ?? 1);
  }

  /** A GET. Resolves once its head has come; `signal` ends it then, too. */
  get(path: string, headers: http2.OutgoingHttpHeaders, signal: AbortSignal): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const stream = this.session.request({ ...headers, ':method': 'GET', ':path': path }, { signal });
    this.streams++;
    stream.once('response', (head) =>
      resolve(Object.assign(stream, { statusCode: Number(head[':status']), headers: head })),
    );
    // Kept beyond the head: who reads it is told by the stream itself.
    stream.on('error', reject);
    stream.once('close', () => {
      this.streams--;
      reject(new Error('the stream closed without an answer'));
    });
    return promise;
  }

  /** Ends it with its streams. */
  close(): void {
    this.session.destroy();
  }

  /** Once the server has told how many streams it takes, with which its side of a connection begins. */
  private settled(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const end = (): void => void this.session.destroy(signal.reason as Error);
      signal.addEventListener('abort', end, { once: true });
      this.session.once('remoteSettings', () => resolve());
      this.session.once('error', reject);
      this.session.once('close', () => reject(new Error('the connection closed')));
      if (signal.aborted) end();
      this.session.once('remoteSettings', () => signal.removeEventListener('abort', end));
      this.session.once('close', () => signal.removeEventListener('abort', end));
    });
  }

  private ping(answerMs: number): void {
    if (this.session.destroyed) return;
    const timer = setTimeout(() => {
      this.session.destroy(new FrozenConnection(`a ping was not answered within ${answerMs} ms`));
    }, answerMs);
    timer.unref();
    // False: one is under way already, and has its own end.
    if (!this.session.ping(() => clearTimeout(timer))) clearTimeout(timer);
  }
}
