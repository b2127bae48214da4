import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inboundPorts, type Peer, type PeerSetting, ports, startProxy, upstreamPorts } from './peer.ts';

const type = (name: string): { '@type': string } => ({ '@type': `type.googleapis.com/envoy.${name}` });
const socket = (address: string, port: number) => ({ socket_address: { address, port_value: port } });
const http2Upstream = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      ...type('extensions.upstreams.http.v3.HttpProtocolOptions'),
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

interface Pair {
  readonly name: string;
  readonly host: string;
  /** No two Envoys of a machine have the same: those of a pair have this and the next. */
  readonly baseId: number;
  /** Where all requests are told of, by OTLP over HTTP; undefined where none is. */
  readonly collectorPort?: number;
}

/** Envoy with one worker thread each and its own defaults; its chain carries HTTP/1 over h2. */
export const startEnvoy = (version: string, setting: PeerSetting): Promise<Peer> =>
  startPair(version, setting, { name: 'Envoy', host: '127.78.0.3', baseId: 7001 });

/** The same with its own tracer, which records all requests. */
export const startTracedEnvoy = (version: string, setting: PeerSetting, collectorPort: number): Promise<Peer> =>
  startPair(version, setting, { name: 'Envoy, traced', host: '127.78.0.4', baseId: 7003, collectorPort });

/** What an Envoy's HTTP connections say of tracing. */
function tracingOf(port: number): object {
  const uri = { uri: `http://127.0.0.1:${port}/v1/traces`, cluster: 'collector', timeout: '5s' };
  return {
    random_sampling: { value: 100 },
    provider: {
      name: 'envoy.tracers.opentelemetry',
      typed_config: {
        ...type('config.trace.v3.OpenTelemetryConfig'),
        http_service: { http_uri: uri },
        service_name: 'bench',
      },
    },
  };
}

async function startPair(version: string, setting: PeerSetting, pair: Pair): Promise<Peer> {
  const { folder, pki, upstreams, behind } = setting;
  const { host, collectorPort } = pair;
  const tracing = collectorPort === undefined ? {} : { tracing: tracingOf(collectorPort) };
  const tls = {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: { filename: pki.certificate }, private_key: { filename: pki.key } }],
    alpn_protocols: ['h2'],
  };
  const clientTls = {
    name: 'tls',
    typed_config: {
      ...type('extensions.transport_sockets.tls.v3.UpstreamTlsContext'),
      sni: pki.name,
      common_tls_context: {
        ...tls,
        validation_context: {
          trusted_ca: { filename: pki.authority },
          match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: pki.name } }],
        },
      },
    },
  };
  const serverTls = {
    name: 'tls',
    typed_config: {
      ...type('extensions.transport_sockets.tls.v3.DownstreamTlsContext'),
      require_client_certificate: true,
      common_tls_context: { ...tls, validation_context: { trusted_ca: { filename: pki.authority } } },
    },
  };
  const cluster = (name: string, addresses: readonly (readonly [string, number])[], more: object) => ({
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    lb_policy: 'LEAST_REQUEST',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: addresses.map(([ip, port]) => ({ endpoint: { address: socket(ip, port) } })) }],
    },
    // More than its default of 1,024, so that the row with 1,000 connections measures no refusals.
    circuit_breakers: { thresholds: [{ max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000 }] },
    ...more,
  });
  const http = (name: string) => ({
    name: 'http',
    typed_config: {
      ...type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
      stat_prefix: name,
      codec_type: 'AUTO',
      ...tracing,
      route_config: {
        virtual_hosts: [
          { name, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: name, timeout: '0s' } }] },
        ],
      },
      http_filters: [{ name: 'router', typed_config: type('extensions.filters.http.router.v3.Router') }],
    },
  });
  const tcp = (name: string) => ({
    name: 'tcp',
    typed_config: { ...type('extensions.filters.network.tcp_proxy.v3.TcpProxy'), stat_prefix: name, cluster: name },
  });
  const listener = (name: string, port: number, more: object) => ({
    name,
    address: socket(host, port),
    tcp_backlog_size: 4096,
    filter_chains: [{ filters: [name.startsWith('tcp') ? tcp(name) : http(name)], ...more }],
  });
  const config = (id: string, adminPort: number, listeners: object[], clusters: object[]) => ({
    admin: { address: socket(host, adminPort) },
    node: { id, cluster: 'bench' },
    static_resources: {
      listeners,
      clusters:
        collectorPort === undefined
          ? clusters
          : [...clusters, cluster('collector', [['127.0.0.1', collectorPort]], {})],
    },
  });
  const to = (ips: readonly string[], port: number) => ips.map((ip) => [ip, port] as const);
  const secure = { ...http2Upstream, transport_socket: clientTls };
  // Opaque bytes are no HTTP/2: nothing is negotiated for them.
  const opaqueTls = structuredClone(clientTls);
  opaqueTls.typed_config.common_tls_context.alpn_protocols = [];
  const outbound = config(
    'out',
    4901,
    Object.entries(ports).map(([name, port]) => listener(name, port, {})),
    [
      cluster('http1-hop', to(upstreams, upstreamPorts.http1), {}),
      cluster('http1-chain', to([host], inboundPorts.http1), secure),
      cluster('grpc-hop', to(upstreams, upstreamPorts.grpc), http2Upstream),
      cluster('grpc-chain', to([host], inboundPorts.grpc), secure),
      cluster('tcp-hop', to(upstreams, upstreamPorts.tcp), {}),
      cluster('tcp-chain', to([host], inboundPorts.tcp), { transport_socket: opaqueTls }),
    ],
  );
  const inbound = config(
    'in',
    4902,
    Object.entries(inboundPorts).map(([name, port]) => listener(name, port, { transport_socket: serverTls })),
    [
      cluster('http1', to([behind], upstreamPorts.http1), {}),
      cluster('grpc', to([behind], upstreamPorts.grpc), http2Upstream),
      cluster('tcp', to([behind], upstreamPorts.tcp), {}),
    ],
  );
  const start = async (name: string, id: number, content: object, port: number) => {
    const file = join(folder, `${name}.json`);
    await writeFile(file, JSON.stringify(content, null, 2));
    const command = ['envoy', '-c', file, '--concurrency', '1', '--base-id', `${id}`, '-l', 'error'];
    return startProxy(command, { host, port }, setting, name);
  };
  const out = await start(`envoy-out-${pair.baseId}`, pair.baseId, outbound, ports['http1-hop']);
  const inn = await start(`envoy-in-${pair.baseId}`, pair.baseId + 1, inbound, inboundPorts.http1);
  return {
    name: pair.name,
    version,
    route: (path) => ({
      target: `${host}:${ports[path]}`,
      pids: path.endsWith('chain') ? [out.pid, inn.pid] : [out.pid],
    }),
    stop: async () => {
      await Promise.all([out.stop(), inn.stop()]);
    },
  };
}
