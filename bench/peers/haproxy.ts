import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inboundPorts, type Peer, type PeerSetting, ports, startProxy, upstreamPorts } from './peer.ts';

const host = '127.78.0.1';

/** HAProxy, one thread each; its chain carries HTTP/1 over h2, which is its cheapest way. */
export async function startHaproxy(version: string, setting: PeerSetting): Promise<Peer> {
  const { folder, pki, upstreams, behind } = setting;
  const outFile = join(folder, 'haproxy-out.cfg');
  const inFile = join(folder, 'haproxy-in.cfg');
  const client = `ca-file ${pki.authority} crt ${pki.both} verify required sni str(${pki.name}) verifyhost ${pki.name} ssl-min-ver TLSv1.3`;
  const server = `ssl crt ${pki.both} ca-file ${pki.authority} verify required ssl-min-ver TLSv1.3`;
  const common = `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  http-reuse always
  balance random(2)
`;
  const both = (port: number, more: string): string =>
    upstreams.map((ip, index) => `  server u${index} ${ip}:${port} ${more}`).join('\n');
  await writeFile(
    outFile,
    `${common}
listen http1-hop
  bind ${host}:${ports['http1-hop']}
${both(upstreamPorts.http1, '')}
listen http1-chain
  bind ${host}:${ports['http1-chain']}
  server in ${host}:${inboundPorts.http1} ssl alpn h2 ${client}
listen grpc-hop
  bind ${host}:${ports['grpc-hop']} proto h2
${both(upstreamPorts.grpc, 'proto h2')}
listen grpc-chain
  bind ${host}:${ports['grpc-chain']} proto h2
  server in ${host}:${inboundPorts.grpc} ssl alpn h2 ${client}
listen tcp-hop
  mode tcp
  bind ${host}:${ports['tcp-hop']}
${both(upstreamPorts.tcp, '')}
listen tcp-chain
  mode tcp
  bind ${host}:${ports['tcp-chain']}
  server in ${host}:${inboundPorts.tcp} ssl ${client}
`,
  );
  await writeFile(
    inFile,
    `${common}
listen http1
  bind ${host}:${inboundPorts.http1} ${server} alpn h2,http/1.1
  server up ${behind}:${upstreamPorts.http1}
listen grpc
  bind ${host}:${inboundPorts.grpc} ${server} alpn h2
  server up ${behind}:${upstreamPorts.grpc} proto h2
listen tcp
  mode tcp
  bind ${host}:${inboundPorts.tcp} ${server}
  server up ${behind}:${upstreamPorts.tcp}
`,
  );
  const start = (name: string, file: string, port: number) =>
    startProxy(['haproxy', '-db', '-f', file], { host, port }, setting, name);
  const outbound = await start('haproxy-out', outFile, ports['http1-hop']);
  const inbound = await start('haproxy-in', inFile, inboundPorts.http1);
  return {
    name: 'HAProxy',
    version,
    route: (path) => ({
      target: `${host}:${ports[path]}`,
      pids: path.endsWith('chain') ? [outbound.pid, inbound.pid] : [outbound.pid],
    }),
    stop: async () => {
      await Promise.all([outbound.stop(), inbound.stop()]);
    },
  };
}
