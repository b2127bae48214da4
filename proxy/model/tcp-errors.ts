/**
 * Why this proxy ends a connection itself: the values of the `error` label of `inbound_tcp_errors_total` and
 * `outbound_tcp_errors_total`, with what they mean. docs/errors.md is the same table for people.
 */
export const tcpErrors = {
  loop: 'it leads to a listener of this proxy itself',
  loadshed: 'too many targets are in use, or too many connections wait for an endpoint',
  'not local': 'another host called the outbound listener, which is for its own pod',
  'no target': 'nothing in it says where it is to go',
  'no policy': 'the control plane has not said who may use its port, or too many ports are in use',
  'invalid target ip': 'it is meant for an address that is not of this workload',
  'late http': 'it was carried as opaque bytes, and went on as an HTTP request: its port is to be declared',
  'not ready': 'there is no certificate yet to meet the TLS of the mesh with',
  'tls handshake': 'the TLS handshake with the client failed',
  'transport header':
    'its transport header is malformed, or names no port of this workload, or comes without a certificate',
  forbidden: 'its route forbids it: an EgressNetwork denies it, or the Service has no such port',
  'no route': 'no route fits the name that its TLS asks for, or the port has none',
  'no server name': 'its target is told by the name that TLS asks for, and it is no TLS, or asks for none',
  'no backend': 'its route leads to a backend that is not there',
  resolve: 'the name of its target has no address',
  connect: 'the endpoint or application refused the connection',
  'connect timeout': 'the endpoint or application did not take the connection in time',
  tls: 'the endpoint could not prove the identity that was required, or this proxy has no certificate yet',
  failfast: 'no endpoint came in time',
  closed: 'the endpoint is none of the service any more',
  timeout: 'no connection came free in time',
} as const;
export type TcpError = keyof typeof tcpErrors;
