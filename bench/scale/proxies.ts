/**
 * Stand-ins of sidecars in a process of their own: each has one connection, follows endpoints, profile and policy of its
 * dependencies, and the policy of two ports of its own. Says `{ready}` when all were answered, and `{toldMs}` for each
 * stream that is told a change after `{at}`.
 *
 * Usage: node bench/scale/proxies.ts PORT FIRST COUNT DEPENDENCIES SERVICES (forked)
 */
import http2 from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { PortSpecSchema } from '../../api/gen/inbound_pb.js';
import { TrafficSpecSchema } from '../../api/gen/outbound_pb.js';
import { addressToApi } from '../../control-plane/destination/addresses.ts';
import { clusterIpOf, namespaceOf, pathOf, podName } from './cluster.ts';

const [port, first, count, dependencies, services] = process.argv.slice(2).map(Number);
const package_ = '/io.linkerd.proxy';
const atOnce = 10;
const replicas = 10;
let at = 0;
const told: number[] = [];
let scheduled = false;

function open(session: http2.ClientHttp2Session, path: string, message: Uint8Array): Promise<void> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `${package_}.${path}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
  return new Promise((done, failed) => {
    let answered = false;
    stream.on('data', () => {
      if (!answered) done();
      else if (at > 0) tell(performance.timeOrigin + performance.now() - at);
      answered = true;
    });
    stream.on('trailers', (trailers) =>
      failed(new Error(`${path}: ${trailers['grpc-status']} ${trailers['grpc-message']}`)),
    );
    stream.on('error', failed);
  });
}

function tell(ms: number): void {
  told.push(ms);
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    process.send!({ toldMs: told.splice(0) });
  }, 50);
}

async function start(proxy: number): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', (error) => {
    throw error;
  });
  // Ten replicas of a Service call the same.
  const own = Math.floor(proxy / replicas) % services;
  const pod = own + (proxy % replicas) * services;
  const me = JSON.stringify({ ns: namespaceOf(own), nodeName: `n${proxy % 3}`, pod: podName(pod) });
  const streams: Promise<void>[] = [];
  for (let each = 0; each < dependencies; each++) {
    const service = (own * 7 + each * 31) % services;
    const get = create(GetDestinationSchema, { path: pathOf(service), contextToken: me });
    streams.push(open(session, 'destination.Destination/Get', toBinary(GetDestinationSchema, get)));
    const ip = clusterIpOf(service);
    const profile = create(GetDestinationSchema, { path: `${ip}:80`, contextToken: me });
    streams.push(open(session, 'destination.Destination/GetProfile', toBinary(GetDestinationSchema, profile)));
    const spec = create(TrafficSpecSchema, {
      sourceWorkload: me,
      target: { case: 'addr', value: addressToApi(ip, 80)! },
    });
    streams.push(open(session, 'outbound.OutboundPolicies/Watch', toBinary(TrafficSpecSchema, spec)));
  }
  for (const each of [8080, 4191]) {
    const spec = create(PortSpecSchema, { workload: me, port: each });
    streams.push(open(session, 'inbound.InboundServerPolicies/WatchPort', toBinary(PortSpecSchema, spec)));
  }
  await Promise.all(streams);
}

let next = first;
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (next < first + count) await start(next++);
  }),
);
process.on('message', (message: { at: number }) => {
  at = message.at;
});
process.on('disconnect', () => process.exit(0));
process.send!({ ready: count * (3 * dependencies + 2) });
