/** What the access log tells of one request. What clients wrote stands in it as they wrote it. */
export interface Entry {
  readonly clientAddress: string;
  readonly clientPort: number;
  /** Undefined without a verified identity. */
  readonly clientIdentity: string | undefined;
  /** When the head of the request came, in milliseconds since the epoch. */
  readonly startedMs: number;
  readonly method: string;
  readonly uri: string;
  readonly version: 'HTTP/1.1' | 'HTTP/2.0';
  readonly host: string;
  readonly userAgent: string;
  /** Empty when the request does not carry one. */
  readonly traceId: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** 0: the client had gone before it was answered. */
  readonly status: number;
  /** -1 where it is not gRPC, or did not get so far. */
  readonly grpcStatus: number;
  /** From the head of the request to the end of the response, and what of it passed before a try was sent. */
  readonly totalMs: number;
  readonly processingMs: number;
  /** 0: the proxy answered by itself. */
  readonly tries: number;
  /** What decided: `default/all-authenticated`, `policy.linkerd.io/server/web`; undefined where nothing did. */
  readonly server: string | undefined;
  readonly route: string | undefined;
  readonly authorization: string | undefined;
  /** Why it did not end well, as in docs/errors.md; undefined when it did. */
  readonly error: string | undefined;
}

/** Of one value that a client wrote, in characters. */
const mostOfAValue = 2048;

export const formats = {
  /** As Linkerd's proxy writes it (linkerd/tracing/src/access_log.rs), and behind it what decided. */
  apache: (entry: Entry): string => {
    const { clientAddress, clientPort, clientIdentity = '-', method, uri, version, status } = entry;
    const address = clientAddress.includes(':') ? `[${clientAddress}]` : clientAddress;
    const request = `"${word(method)} ${word(uri)} ${version}"`;
    const { traceId, tries, server = '-', route = '-', authorization = '-', error } = entry;
    const decided = `server=${server} route=${route} authz=${authorization} tries=${tries}`;
    const trace = traceId === '' ? '-' : word(traceId);
    const why = error === undefined ? '' : ` error="${word(error)}"`;
    return `${address}:${clientPort} ${clientIdentity} - [${timestamp(entry)}] ${request} ${status} ${decided} trace=${trace}${why}\n`;
  },

  /** The keys are those of Linkerd's proxy; ours come behind. What is no number there is none here. */
  json: (entry: Entry): string => {
    const { clientAddress, clientPort, clientIdentity = '-', grpcStatus, totalMs, processingMs } = entry;
    const line = JSON.stringify({
      'client.addr': clientAddress.includes(':')
        ? `[${clientAddress}]:${clientPort}`
        : `${clientAddress}:${clientPort}`,
      'client.id': clientIdentity,
      timestamp: timestamp(entry),
      method: cut(entry.method),
      uri: cut(entry.uri),
      version: entry.version,
      trace_id: cut(entry.traceId),
      request_bytes: String(entry.requestBytes),
      status: entry.status,
      response_bytes: String(entry.responseBytes),
      total_ns: nanoseconds(totalMs),
      processing_ns: nanoseconds(processingMs),
      user_agent: cut(entry.userAgent),
      host: cut(entry.host),
      tries: entry.tries,
      server: entry.server,
      route: entry.route,
      authz: entry.authorization,
      grpc_status: grpcStatus < 0 ? undefined : grpcStatus,
      error: entry.error,
    });
    return `${line.replace(/[\u007f-\uffff]/g, escaped)}\n`;
  },
} as const;

export type AccessLogFormat = keyof typeof formats;

const timestamp = ({ startedMs }: Entry): string => new Date(startedMs).toISOString();

const nanoseconds = (ms: number): string => String(Math.round(ms * 1e6));

const cut = (text: string): string => (text.length > mostOfAValue ? `${text.slice(0, mostOfAValue)}...` : text);

/** Without what could end the quotes that it stands in, or the line, or steer a terminal. */
const word = (text: string): string =>
  cut(text).replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f"\\\u007f-\uffff]/g,
    escaped,
  );

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
