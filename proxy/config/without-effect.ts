/** Something that is set and changes nothing. */
export interface WithoutEffect {
  readonly variable: string;
  /** What is missed, or what is done instead. */
  readonly reason: string;
  /** Nothing is missed: to be read by who looks for it, not to be warned of. */
  readonly harmless: boolean;
}

interface Known {
  readonly name: RegExp;
  readonly reason: string;
  /** Values by which nothing is missed; any, when it is `true`. */
  readonly harmless?: RegExp | true;
}

/** What Linkerd's proxy, or our injector, knows and this proxy does not act on. The first that fits is told. */
const known: readonly Known[] = [
  { name: /^TRACE_/, reason: 'there is no such setting of traces: see TRACE_PROTOCOL and those beside it' },
  { name: /^INBOUND_GATEWAY_SUFFIXES$/, reason: 'this proxy is no gateway between clusters yet' },
  {
    name: /^TAP_SVC_NAME$/,
    reason: 'who taps is known by its certificate, and this proxy has no identity to ask for it',
  },
  {
    name: /^CONTROL_LISTEN_ADDR$/,
    reason: 'it is where taps are served, and TAP_SVC_NAME says of nobody that it may tap',
    harmless: true,
  },
  { name: /^TAP_BODIES$/, reason: 'TAP_SVC_NAME says of nobody that it may tap', harmless: /^(?:false|0)?$/ },
  { name: /^INBOUND_METRICS_AUTHORITY_LABELS$/, reason: 'inbound metrics have no authority', harmless: /^$/ },
  { name: /^IDENTITY_DIR$/, reason: 'key and certificate are kept in memory alone', harmless: true },
  { name: /^IDENTITY_SERVER_ID$/, reason: 'the identity is the name, as IDENTITY_LOCAL_NAME says it' },
  { name: /^IDENTITY_SPIRE_/, reason: 'certificates come from the identity component, not from SPIRE' },
  {
    name: /^CONTROL_STREAM_(INITIAL_TIMEOUT|IDLE_TIMEOUT|LIFETIME)$/,
    reason: 'streams of the control plane last until they end, and dead ones are found by keep-alive',
    harmless: true,
  },
  { name: /^HTTP2_INITIAL_/, reason: 'the windows of HTTP/2 are fixed' },
  { name: /^(INBOUND|OUTBOUND)_(SERVER|CLIENT)_HTTP2_/, reason: 'of HTTP/2 only KEEP_ALIVE_* can be set' },
  { name: /_EXP_BACKOFF_(MIN|MAX|JITTER)$/, reason: 'back-off is 100 ms to 10 s' },
  { name: /^OUTBOUND_TCP_(QUEUE_CAPACITY|FAILFAST_TIMEOUT)$/, reason: 'set OUTBOUND_HTTP_*, which is for both' },
  { name: /^OUTBOUND_MAX_IDLE_CONNS_PER_ENDPOINT$/, reason: 'idle connections end by time alone' },
  { name: /_TCP_LISTEN_BACKLOG$/, reason: 'the backlog is fixed' },
  { name: /^(DNS_(MIN|MAX)_TTL|RESOLV_CONF)$/, reason: "names are looked up by the system's resolver" },
];

/**
 * What is set of the proxy's variables but was not `read`, in the order of the environment: a setting that changes
 * nothing must not be taken for one that holds. Values are not told, some are secret.
 */
export function withoutEffect(
  environment: Readonly<Record<string, string | undefined>>,
  prefix: string,
  read: ReadonlySet<string>,
): WithoutEffect[] {
  const found: WithoutEffect[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || value === undefined || value === '' || read.has(variable)) continue;
    const entry = known.find(({ name }) => name.test(variable.slice(prefix.length)));
    const { harmless } = entry ?? {};
    found.push({
      variable,
      reason: entry?.reason ?? 'there is no variable of this name: is it misspelt?',
      harmless: harmless === true || (harmless?.test(value.trim()) ?? false),
    });
  }
  return found;
}
