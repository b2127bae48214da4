import type { Timers } from '../clock.ts';
import type { Log } from '../telemetry/log.ts';
import { Field } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import type { RequestHead, ServerStream, StreamHandler } from '../wire/stream.ts';
import type { AdminCaller } from './access.ts';
import { type Metrics, Scrapes } from './scrapes.ts';

export interface AdminOptions {
  timers: Timers;
  log: Log;
  /** True once the proxy may take traffic. */
  ready: () => boolean;
  metrics: Metrics;
  /** The log's filter has changed. */
  setLogFilter: (filter: string) => void;
  /** What may be shown of the environment. */
  environment: Readonly<Record<string, string | undefined>>;
  /** What `/debug/NAME` tells as JSON, by name. */
  debug: Readonly<Record<string, () => string>>;
  shutdownEnabled: boolean;
  shutdown: () => void;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
  /** What is done once it is written. */
  readonly afterwards?: () => void;
}

const maxBodyBytes = 4096;
const secret = /TOKEN|KEY|SECRET|PASSWORD/;

/**
 * The admin server's answers (PX/linkerd/app/admin/src/server.rs): health, metrics, log level, shutdown, environment.
 * Health is for everybody, metrics are for whom the policy of this port lets in, and what changes something, or shows
 * more, is for callers on this host only.
 */
export class Admin {
  private readonly options: AdminOptions;
  private readonly scrapes: Scrapes;

  constructor(options: AdminOptions) {
    this.options = options;
    this.scrapes = new Scrapes(options.timers, options.metrics);
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean, caller: AdminCaller): StreamHandler {
    const asksForMetrics = pathOf(head) === '/metrics' && isReading(head.method);
    const isLetIn = !asksForMetrics || caller.mayRead(head);
    if (asksForMetrics && isLetIn) {
      const scrape = this.scrapes.begin(stream, head, caller.otherHost);
      if (scrape !== undefined) return scrape;
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    const finish = (): void => {
      const body = Buffer.concat(chunks).toString('utf8');
      if (length > maxBodyBytes) send(stream, head, { status: 413, body: 'body too large\n' });
      else send(stream, head, isLetIn ? this.answer(head, body, caller.otherHost === undefined) : notLetIn);
    };
    if (end) finish();
    return {
      onData: (chunk, last) => {
        length += chunk.length;
        if (length <= maxBodyBytes) chunks.push(chunk.slice());
        stream.credit(chunk.length);
        if (last) finish();
      },
      onTrailers: finish,
      onSent: () => {},
      onReset: () => {},
    };
  }

  private answer(head: RequestHead, body: string, fromThisHost: boolean): Answer {
    const { method } = head;
    const reading = isReading(method);
    const [, query = ''] = head.path.split('?', 2);
    switch (pathOf(head)) {
      case '/live':
        return reading ? { status: 200, body: 'live\n' } : notAllowed;
      case '/ready':
        if (!reading) return notAllowed;
        return this.options.ready() ? { status: 200, body: 'ready\n' } : { status: 503, body: 'not ready\n' };
      case '/metrics':
        return reading ? busy : notAllowed;
      case '/proxy-log-level':
        return fromThisHost ? this.logLevel(method, body) : forbidden;
      case '/env.json':
        if (!reading) return notAllowed;
        return fromThisHost ? this.environment(query) : forbidden;
      case '/shutdown':
        if (!this.options.shutdownEnabled) return notFound;
        if (!fromThisHost) return forbidden;
        if (method !== 'POST') return notAllowed;
        return { status: 200, body: 'shutdown\n', afterwards: this.options.shutdown };
      default:
        return this.debug(pathOf(head), reading, fromThisHost);
    }
  }

  /** What this process knows now says whom the workload talks to: it is for who has its host. */
  private debug(path: string, reading: boolean, fromThisHost: boolean): Answer {
    const { debug } = this.options;
    const name = path.startsWith('/debug/') ? path.slice('/debug/'.length) : '';
    if (!Object.hasOwn(debug, name)) return notFound;
    if (!fromThisHost) return forbidden;
    return reading ? { status: 200, body: debug[name](), contentType: 'application/json' } : notAllowed;
  }

  private logLevel(method: string, body: string): Answer {
    const { log } = this.options;
    if (method === 'GET') return { status: 200, body: `${log.filter}\n` };
    if (method !== 'PUT') return notAllowed;
    try {
      log.filter = body.trim();
      this.options.setLogFilter(log.filter);
      return { status: 204, body: '' };
    } catch (error) {
      return { status: 400, body: `${(error as Error).message}\n` };
    }
  }

  /** All variables of the proxy, or those that the query names. */
  private environment(query: string): Answer {
    let named: string[] | undefined;
    try {
      named = query === '' ? undefined : query.split('&').map(decodeURIComponent);
    } catch {
      return { status: 400, body: 'the query must be names of variables, percent-encoded and separated by &\n' };
    }
    const { environment } = this.options;
    const names = named ?? Object.keys(environment).filter((name) => name.startsWith('LINKERD2_PROXY_'));
    const shown = names.filter((name) => name.startsWith('LINKERD2_PROXY_') && !secret.test(name));
    const values = Object.fromEntries(shown.map((name) => [name, environment[name] ?? null]));
    return { status: 200, body: `${JSON.stringify(values, null, 2)}\n`, contentType: 'application/json' };
  }
}

const pathOf = ({ path }: RequestHead): string => path.split('?', 1)[0];
const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD';

const notAllowed: Answer = { status: 405, body: 'method not allowed\n' };
const notFound: Answer = { status: 404, body: 'not found\n' };
const busy: Answer = { status: 503, body: 'too many scrapes at once\n' };
const notLetIn: Answer = { status: 403, body: 'the policy of this port does not let this client in\n' };
const forbidden: Answer = { status: 403, body: 'only from this host\n' };

function send(stream: ServerStream, head: RequestHead, answer: Answer): void {
  const fields = [new Field('content-type', answer.contentType ?? 'text/plain; charset=utf-8')];
  const body = Buffer.from(answer.body, 'utf8');
  const empty = body.length === 0 || head.method === 'HEAD';
  stream.sendResponse(responseHead(answer.status, answer.status === 204 ? -1 : body.length, fields), empty);
  if (!empty) stream.sendData(body, true);
  // Output leaves at the end of the event-loop turn, by an immediate that was set before this one.
  if (answer.afterwards !== undefined) setImmediate(answer.afterwards);
}
