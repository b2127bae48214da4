import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { family } from '../measure/processes.ts';
import { inboundPorts, type Peer, type PeerSetting, ports, startProxy, upstreamPorts } from './peer.ts';

const host = '127.78.0.2';

/**
 * nginx, one worker each. It speaks no HTTP/2 to upstreams but gRPC: its chain carries HTTP/1 in TLS. Opaque TCP is a
 * module that its package does not bring.
 */
export async function startNginx(version: string, setting: PeerSetting): Promise<Peer> {
  const { folder, pki, upstreams, behind } = setting;
  const write = async (side: string, http: string): Promise<string> => {
    const prefix = join(folder, `nginx-${side}`);
    await mkdir(join(prefix, 'temp'), { recursive: true });
    await writeFile(
      join(prefix, 'nginx.conf'),
      `worker_processes 1; daemon off; pid nginx.pid; error_log error.log;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; http2_max_requests 100000000;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  client_body_temp_path temp/1; proxy_temp_path temp/2; fastcgi_temp_path temp/3; uwsgi_temp_path temp/4; scgi_temp_path temp/5;
  ${http}
}
`,
    );
    return prefix;
  };
  const upstream = (name: string, addresses: readonly string[]): string =>
    `upstream ${name} { ${addresses.map((address) => `server ${address};`).join(' ')} keepalive 1024; keepalive_requests 100000000; }`;
  const tls = (module: string): string =>
    `${module}_ssl_certificate ${pki.certificate}; ${module}_ssl_certificate_key ${pki.key}; ${module}_ssl_trusted_certificate ${pki.authority};
  ${module}_ssl_verify on; ${module}_ssl_protocols TLSv1.3; ${module}_ssl_server_name on; ${module}_ssl_name ${pki.name};`;
  const listener = (port: number, options: string, to: string): string =>
    `server { listen ${host}:${port} ${options} backlog=4096; location / { ${to}; } }`;
  const outPrefix = await write(
    'out',
    `${upstream(
      'http1',
      upstreams.map((ip) => `${ip}:${upstreamPorts.http1}`),
    )}
  ${upstream(
    'grpc',
    upstreams.map((ip) => `${ip}:${upstreamPorts.grpc}`),
  )}
  ${upstream('http1in', [`${host}:${inboundPorts.http1}`])}
  ${upstream('grpcin', [`${host}:${inboundPorts.grpc}`])}
  ${tls('proxy')} ${tls('grpc')}
  ${listener(ports['http1-hop'], '', 'proxy_pass http://http1')}
  ${listener(ports['http1-chain'], '', 'proxy_pass https://http1in')}
  ${listener(ports['grpc-hop'], 'http2', 'grpc_pass grpc://grpc')}
  ${listener(ports['grpc-chain'], 'http2', 'grpc_pass grpcs://grpcin')}`,
  );
  const inPrefix = await write(
    'in',
    `${upstream('http1', [`${behind}:${upstreamPorts.http1}`])}
  ${upstream('grpc', [`${behind}:${upstreamPorts.grpc}`])}
  ssl_certificate ${pki.certificate}; ssl_certificate_key ${pki.key}; ssl_client_certificate ${pki.authority}; ssl_verify_client on; ssl_protocols TLSv1.3;
  ${listener(inboundPorts.http1, 'ssl', 'proxy_pass http://http1')}
  ${listener(inboundPorts.grpc, 'ssl http2', 'grpc_pass grpc://grpc')}`,
  );
  const start = (name: string, prefix: string, port: number) =>
    startProxy(['nginx', '-p', prefix, '-c', join(prefix, 'nginx.conf')], { host, port }, setting, name);
  const outbound = await start('nginx-out', outPrefix, ports['http1-hop']);
  const inbound = await start('nginx-in', inPrefix, inboundPorts.http1);
  // The work is the worker's; the workers end with their master.
  const workers = [family(outbound.pid), family(inbound.pid)];
  return {
    name: 'nginx',
    version,
    route: (path) =>
      path.startsWith('tcp')
        ? undefined
        : { target: `${host}:${ports[path]}`, pids: path.endsWith('chain') ? workers.flat() : workers[0] },
    stop: async () => {
      for (const pid of workers.flatMap(([, ...rest]) => rest)) process.kill(pid, 'SIGKILL');
      await Promise.all([outbound.stop(), inbound.stop()]);
    },
  };
}
