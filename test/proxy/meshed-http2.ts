import { once } from 'node:events';
import { connect } from 'node:tls';
import { encodeTransportHeader, transportAlpn } from '../../proxy/wire/detect/transport-header.ts';
import { RawHttp2 } from './raw-http2.ts';
import type { TestMesh } from './test-mesh.ts';

/** Raw HTTP/2 to a port of a workload, as another sidecar speaks it: behind the mesh's TLS and a transport header. */
export async function meshedHttp2(
  mesh: TestMesh,
  workload: string,
  port: number,
  own: { readonly key: string; readonly cert: string },
): Promise<RawHttp2> {
  const socket = connect({
    host: mesh.ip(workload),
    port: 4143,
    servername: `${workload}.test.serviceaccount.identity.tulle.cluster.local`,
    ca: mesh.trustAnchors,
    ...own,
    ALPNProtocols: [transportAlpn],
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  socket.write(encodeTransportHeader({ port, name: '', protocol: 'http2' }));
  return RawHttp2.over(socket);
}
