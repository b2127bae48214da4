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

  /**
   * The keys are those of Linkerd's proxy; ours come behind. What is no number there is none here. Put together by hand,
   * since it is for every request: what clients wrote, and nothing else, has to be looked at for what JSON escapes.
   */
  json: (entry: Entry): string => {
    const { clientAddress, clientPort, clientIdentity = '-', version, requestBytes, responseBytes, status } = entry;
    const { totalMs, processingMs, tries, server, route, authorization, grpcStatus, error } = entry;
    const address = clientAddress.includes(':') ? `[${clientAddress}]` : clientAddress;
    let line = `{"client.addr":"${address}:${clientPort}","client.id":${quoted(clientIdentity)}`;
    line += `,"timestamp":"${timestamp(entry)}","method":${quoted(entry.method)},"uri":${quoted(entry.uri)}`;
    line += `,"version":"${version}","trace_id":${quoted(entry.traceId)},"request_bytes":"${requestBytes}"`;
    line += `,"status":${status},"response_bytes":"${responseBytes}","total_ns":"${nanoseconds(totalMs)}"`;
    line += `,"processing_ns":"${nanoseconds(processingMs)}","user_agent":${quoted(entry.userAgent)}`;
    line += `,"host":${quoted(entry.host)},"tries":${tries}`;
    if (server !== undefined) line += `,"server":${quoted(server)}`;
    if (route !== undefined) line += `,"route":${quoted(route)}`;
    if (authorization !== undefined) line += `,"authz":${quoted(authorization)}`;
    if (grpcStatus >= 0) line += `,"grpc_status":${grpcStatus}`;
    if (error !== undefined) line += `,"error":${quoted(error)}`;
    return `${line}}\n`;
  },
} as const;

export type AccessLogFormat = keyof typeof formats;

/** Of the last line, which many others share. */
let shownMs = Number.NaN;
let shownTime = '';

function timestamp({ startedMs }: Entry): string {
  const wholeMs = Math.floor(startedMs);
  if (wholeMs !== shownMs) {
    shownMs = wholeMs;
    shownTime = new Date(wholeMs).toISOString();
  }
  return shownTime;
}

const nanoseconds = (ms: number): number => Math.round(ms * 1e6);

/** A string of JSON, of ASCII alone: nothing in it is a control character, or turns what stands behind it. */
function quoted(text: string): string {
  const shown = cut(text);
  if (/^[ !#-[\]-~]*$/.test(shown)) return `"${shown}"`;
  return JSON.stringify(shown).replace(/[\u007f-\uffff]/g, escaped);
}

const cut = (text: string): string => (text.length > mostOfAValue ? `${text.slice(0, mostOfAValue)}...` : text);

/** Without what could end the quotes that it stands in, or the line, or steer a terminal. */
const word = (text: string): string =>
  cut(text).replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f"\\\u007f-\uffff]/g,
    escaped,
  );

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
