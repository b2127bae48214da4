import type { Path } from './peers/peer.ts';

/** What of Tulle's may be at most so many times a peer's. */
export interface Limit {
  readonly peer: 'Envoy' | 'HAProxy';
  readonly measure: 'cpu' | 'added p50';
  readonly ratio: number;
}

/** A way of sending requests, and what it must not cost (design: "Numbers to hold"). */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly path: Path;
  /** As fast as they are answered, at a constant rate, or as fast with other paths and a unique header each. */
  readonly load: 'saturated' | 'rate' | 'varied';
  readonly connections: number;
  /** Requests at a time on one connection. */
  readonly streams: number;
  readonly limits: readonly Limit[];
}

const cpu = (peer: Limit['peer'], ratio: number): Limit => ({ peer, measure: 'cpu', ratio });

export const requestsPerSecond = 2000;

export const scenarios: readonly Scenario[] = [
  {
    id: 'http1-hop',
    title: 'HTTP/1.1, one hop, 50 connections',
    path: 'http1-hop',
    load: 'saturated',
    connections: 50,
    streams: 1,
    limits: [cpu('Envoy', 0.6), cpu('HAProxy', 1.4)],
  },
  {
    id: 'http1-chain',
    title: 'HTTP/1.1, mTLS chain, 50 connections',
    path: 'http1-chain',
    load: 'saturated',
    connections: 50,
    streams: 1,
    limits: [cpu('Envoy', 0.35), cpu('HAProxy', 1)],
  },
  {
    id: 'http1-chain-1000',
    title: 'HTTP/1.1, mTLS chain, 1,000 connections',
    path: 'http1-chain',
    load: 'saturated',
    connections: 1000,
    streams: 1,
    limits: [cpu('Envoy', 0.35), cpu('HAProxy', 1)],
  },
  {
    id: 'grpc-hop',
    title: 'gRPC unary, one hop, 10 connections of 10 streams',
    path: 'grpc-hop',
    load: 'saturated',
    connections: 10,
    streams: 10,
    limits: [cpu('Envoy', 0.3)],
  },
  {
    id: 'grpc-chain',
    title: 'gRPC unary, mTLS chain, 10 connections of 10 streams',
    path: 'grpc-chain',
    load: 'saturated',
    connections: 10,
    streams: 10,
    limits: [cpu('Envoy', 0.25)],
  },
  {
    id: 'grpc-hop-varied',
    title: 'gRPC unary, one hop, another path and a unique header in each request',
    path: 'grpc-hop',
    load: 'varied',
    connections: 10,
    streams: 10,
    limits: [cpu('Envoy', 0.4)],
  },
  {
    id: 'grpc-chain-varied',
    title: 'gRPC unary, mTLS chain, another path and a unique header in each request',
    path: 'grpc-chain',
    load: 'varied',
    connections: 10,
    streams: 10,
    limits: [cpu('Envoy', 0.3)],
  },
  {
    id: 'http1-chain-single',
    title: 'HTTP/1.1, mTLS chain, one request at a time',
    path: 'http1-chain',
    load: 'saturated',
    connections: 1,
    streams: 1,
    limits: [cpu('Envoy', 0.5)],
  },
  {
    id: 'http1-hop-rate',
    title: 'HTTP/1.1, one hop, 2,000 requests/s over 50 connections',
    path: 'http1-hop',
    load: 'rate',
    connections: 50,
    streams: 1,
    limits: [],
  },
  {
    id: 'http1-chain-rate',
    title: 'HTTP/1.1, mTLS chain, 2,000 requests/s over 50 connections',
    path: 'http1-chain',
    load: 'rate',
    connections: 50,
    streams: 1,
    limits: [cpu('Envoy', 0.5), { peer: 'HAProxy', measure: 'added p50', ratio: 1 }],
  },
];
