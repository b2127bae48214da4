import type { CallOptions } from '../../../model/mesh-model.ts';
import type { OutsidePorts } from './objects.ts';

/** What it is, whether the caller's connections are led to its sidecar, and the call as it is written for the model. */
export type KindOfCall = readonly [name: string, inject: 'enabled' | 'explicit', call: CallOptions];

const [from, open] = ['test/web', 'test/open'];
const overrideBy = (to: string) => ({ baggage: `tulle-override=swapped.test:${to}` });
const grpcCall = (path: string): CallOptions => ({
  ...{ from, to: `http://calls.test:9000/${path}`, method: 'POST', grpc: true },
});
const host = (name: string) => ({ host: name });

/** Kinds of calls beside those of HTTP to the port of a Service that is the workload's. */
export const kindsOfCalls = ({ http, bytes }: OutsidePorts): readonly KindOfCall[] => [
  ['a headless Service', 'explicit', { from, to: 'http://headless.test:8080/' }],
  ['a pod of it', 'explicit', { from, to: 'http://open-0.headless.test:8080/' }],
  ['a port of another number', 'explicit', { from, to: 'http://elsewhere.test/' }],
  ['a port of another number, by name', 'explicit', { from, to: 'http://elsewhere.test:81/' }],
  ['a port that the Service has not', 'explicit', { from, to: 'http://open.test:81/' }],
  ['a port that the Service has not, led', 'enabled', { from, to: 'http://open.test:81/' }],
  ['a port that skips its sidecar', 'explicit', { from, to: 'http://skipped.test:8080/' }],
  ['a Service in place of it', 'explicit', { from, to: 'http://swapped.test:8080/', headers: overrideBy('swap') }],
  ['one that may not be had', 'explicit', { from, to: 'http://swapped.test:8080/', headers: overrideBy('next') }],
  ['a host of another name', 'enabled', { from, to: 'http://open.test:8080/any', headers: host('www.example') }],
  ['a request for who takes bytes', 'explicit', { from: open, to: 'http://bytes.test:5432/' }],
  ['a request for who takes bytes, led', 'enabled', { from: open, to: 'http://bytes.test:5432/' }],

  ['bytes', 'enabled', { from, to: 'tcp://bytes.test:5432' }],
  ['bytes of another', 'enabled', { from: open, to: 'tcp://bytes.test:5432' }],
  ['bytes from outside', 'explicit', { to: 'tcp://bytes.test:5432' }],
  ['bytes by a TCPRoute', 'enabled', { from, to: 'tcp://ledger.test:5432' }],
  ['bytes by a TCPRoute, of another', 'enabled', { from: open, to: 'tcp://ledger.test:5432' }],
  ['bytes for a port that the Service has not', 'enabled', { from, to: 'tcp://bytes.test:5433' }],
  ['bytes for who wants tokens', 'enabled', { from, to: 'tcp://users.test:8080' }],

  ['TLS', 'enabled', { from, to: 'tls://secret.test:8443' }],
  ['TLS of another', 'enabled', { from: open, to: 'tls://secret.test:8443' }],
  ['plain text for who speaks TLS', 'explicit', { to: 'http://secret.test:8443/' }],
  ['a name that a TLSRoute has', 'enabled', { from, to: 'tls://names.test:8443', serverName: 'a.test' }],
  ['a name that no TLSRoute has', 'enabled', { from, to: 'tls://names.test:8443', serverName: 'b.test' }],
  ['TLS by a proxy', 'explicit', { from, to: 'tls://secret.test:8443' }],

  ['gRPC', 'explicit', grpcCall('a.B/C')],
  ['gRPC of another', 'explicit', { ...grpcCall('a.B/C'), from: open }],
  ['a method that no GRPCRoute has', 'explicit', grpcCall('x.B/C')],
  ['a method whose backend is not there', 'explicit', grpcCall('gone.B/C')],

  ['a request without a token', 'explicit', { from, to: 'http://users.test:8080/' }],
  ['a request with a token', 'explicit', { from, to: 'http://users.test:8080/', token: true }],
  ['a token from outside', 'explicit', { to: 'http://users.test:8080/', token: true }],
  ['a probe', 'explicit', { to: 'http://users.test:8080/live' }],
  ['a probe with a query', 'explicit', { to: 'http://users.test:8080/live?a=b' }],
  ['a path beside that of the probe', 'explicit', { to: 'http://users.test:8080/lives' }],

  ['what is let out', 'enabled', { from, to: `http://127.0.0.1:${http}/v1`, headers: host('api.example') }],
  ['another path of it', 'enabled', { from, to: `http://127.0.0.1:${http}/v2`, headers: host('api.example') }],
  ['another host', 'enabled', { from, to: `http://127.0.0.1:${http}/v1`, headers: host('www.example') }],
  ['what is let out, of a host of its own', 'enabled', { from, to: `http://127.0.0.1:${http}/v1` }],
  ['bytes that are not let out', 'enabled', { from, to: `tcp://127.0.0.1:${bytes}` }],
];

/** What nobody answers, for which a sidecar waits for some seconds. */
export const callsOfNobody: readonly KindOfCall[] = [
  ['a Service of nobody', 'explicit', { from, to: 'http://empty.test:8080/' }],
  ['a Service of nobody, led', 'enabled', { from, to: 'http://empty.test:8080/' }],
  ['a pod that is not there', 'explicit', { from, to: 'http://open-7.headless.test:8080/' }],
];
