import { create } from '@bufbuild/protobuf';
import { beforeEach, expect, it } from 'vitest';
import {
  Destination,
  type DestinationProfile,
  DestinationProfileSchema,
  type GetDestination,
  type Update,
  UpdateSchema,
} from '../../api/gen/destination_pb.js';
import type { GrpcChannel, StreamHandlers } from '../control/grpc/grpc-channel.ts';
import { Log } from '../telemetry/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Lookup } from './lookup.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly send: (message: DestinationProfile | Update) => void;
  cancelled: boolean;
}

let calls: Call[];
let told: string[];

/** A control plane that answers when the test says so. */
const channel = {
  stream(method: { name: string }, request: GetDestination, handlers: StreamHandlers<never>) {
    const call: Call = {
      method: method.name,
      path: request.path,
      send: (message) => handlers.onMessage(message as never),
      cancelled: false,
    };
    calls.push(call);
    return () => {
      call.cancelled = true;
    };
  },
} as unknown as GrpcChannel;

const address = { ip: { ip: { case: 'ipv4' as const, value: 0x0a60000a } }, port: 80 };
const bare = () => create(DestinationProfileSchema, { endpoint: { addr: address, weight: 10_000 } });
const service = () => create(DestinationProfileSchema, { fullyQualifiedName: 'web.shop.svc.cluster.local' });
const endpoints = (...last: number[]) =>
  create(UpdateSchema, {
    update: {
      case: 'add',
      value: {
        addrs: last.map((byte) => ({
          addr: { ip: { ip: { case: 'ipv4' as const, value: 0x0a000000 + byte } }, port: 8080 },
        })),
      },
    },
  });

beforeEach(() => {
  calls = [];
  told = [];
  const log = new Log(
    'off',
    'plain',
    () => {},
    () => new Date(0),
  );
  new Lookup(
    { kind: 'ip', host: '10.96.0.10', given: '10.96.0.10', port: 80 },
    { clock: new FakeClock(), channel: () => channel, context: '', log, policy: undefined },
    {
      onOpaque: () => {},
      onProtocol: () => {},
      onRoutes: () => {},
      onEndpoints: (authority, infos) =>
        told.push(`${authority} -> ${infos.map((info) => `${info.address}:${info.port}`).join(' ')}`),
      onUnknown: () => told.push('unknown'),
    },
  );
});

it('an address that a Service takes while it is in use gets the endpoints of the Service', () => {
  calls[0].send(bare());
  calls[0].send(service());
  expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `${Destination.method.getProfile.name} 10.96.0.10:80`,
    `${Destination.method.get.name} web.shop.svc.cluster.local:80`,
  ]);
  calls[1].send(endpoints(1, 2));
  expect(told).toEqual([
    '10.96.0.10:80 -> 10.96.0.10:80',
    'web.shop.svc.cluster.local:80 -> 10.0.0.1:8080 10.0.0.2:8080',
  ]);
});

it('an address whose Service is gone no longer follows the endpoints that the Service had', () => {
  calls[0].send(service());
  calls[1].send(endpoints(1));
  calls[0].send(bare());
  expect(calls[1].cancelled).toBe(true);
  calls[1].send(endpoints(2));
  expect(told.at(-1)).toBe('10.96.0.10:80 -> 10.96.0.10:80');
  calls[0].send(service());
  expect(calls[2]).toMatchObject({ method: 'Get', cancelled: false });
});
