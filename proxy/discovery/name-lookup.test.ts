import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  Destination,
  type DestinationProfile,
  DestinationProfileSchema,
  type GetDestination,
  type Update,
  UpdateSchema,
} from '../../api/gen/destination_pb.js';
import { type OutboundPolicy, OutboundPolicySchema } from '../../api/gen/outbound_pb.js';
import type { GrpcChannel, StreamHandlers } from '../control/grpc/grpc-channel.ts';
import { Status } from '../control/grpc/status.ts';
import { Log } from '../telemetry/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { KnownTargets } from './known-targets.ts';
import { type Name, NameLookup } from './name-lookup.ts';
import type { LookupOptions } from './resolution.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly send: (message: DestinationProfile | Update | OutboundPolicy) => void;
  readonly end: (code: number) => void;
  cancelled: boolean;
}

let calls: Call[];
let told: string[];
let logged: string[];
let clock: FakeClock;
let options: LookupOptions;

/** A control plane that answers when the test says so. */
const channel = {
  stream(method: { name: string }, request: GetDestination, handlers: StreamHandlers<never>) {
    const call: Call = {
      method: method.name,
      path: request.path,
      send: (message) => handlers.onMessage(message as never),
      end: (code) => handlers.onEnd(code, ''),
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
const service = (opaqueProtocol = false) =>
  create(DestinationProfileSchema, { fullyQualifiedName: 'web.shop.svc.cluster.local', opaqueProtocol });
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
const gone = () => create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: false } } });

beforeEach(() => {
  calls = [];
  told = [];
  logged = [];
  clock = new FakeClock();
  const log = new Log(
    'warn',
    'plain',
    (line) => logged.push(line),
    () => new Date(0),
  );
  const none = { context: '', policy: undefined, ownAddresses: new Set<string>() };
  options = { clock, channel: () => channel, log, known: new KnownTargets(), ...none };
});

const ip: Name = { kind: 'ip', host: '10.96.0.10', port: 80 };
const web: Name = { kind: 'service', host: 'web.shop.svc.cluster.local', port: 80 };
const lookUp = (name: Name): NameLookup =>
  new NameLookup(name, options, {
    onOpaque: (opaque) => opaque && told.push('opaque'),
    onPolicy: ({ protocol }) => options.policy !== undefined && told.push(protocol),
    onRoutes: () => {},
    onEndpoints: (authority, infos) =>
      told.push(`${authority} -> ${infos.map((info) => `${info.address}:${info.port}`).join(' ')}`),
    onUnknown: () => told.push('unknown'),
  });

describe('an address', () => {
  it('that a Service takes while it is in use gets the endpoints of the Service', () => {
    lookUp(ip);
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

  it('whose Service is gone no longer follows the endpoints that the Service had', () => {
    lookUp(ip);
    calls[0].send(service());
    calls[1].send(endpoints(1));
    calls[0].send(bare());
    expect(calls[1].cancelled).toBe(true);
    calls[1].send(endpoints(2));
    expect(told.at(-1)).toBe('10.96.0.10:80 -> 10.96.0.10:80');
    calls[0].send(service());
    expect(calls[2]).toMatchObject({ method: 'Get', cancelled: false });
  });

  it('of a pod whose identity is not understood has no endpoint, and is not dialled in plaintext', () => {
    lookUp(ip);
    calls[0].send(create(DestinationProfileSchema, { endpoint: { addr: address, tlsIdentity: {} } }));
    expect(told).toEqual(['10.96.0.10:80 -> ']);
    expect(logged.join()).toContain('endpoint left out');
  });
});

describe('what is known of a target', () => {
  it('is taken away by what the control plane says, and by nothing else', () => {
    lookUp(web);
    calls[0].send(service(true));
    calls[1].send(endpoints(1));
    const known = ['opaque', 'web.shop.svc.cluster.local:80 -> 10.0.0.1:8080'];
    for (const code of [Status.unavailable, Status.internal, Status.unimplemented, Status.ok]) {
      for (const call of calls.slice(-2)) call.end(code);
      clock.advance(60_000);
    }
    calls.at(-1)!.end(Status.unavailable);
    expect(told).toEqual(known);
    calls.at(-2)!.end(Status.notFound);
    expect(told).toEqual(known);
    clock.advance(60_000);
    calls
      .filter(({ method }) => method === 'Get')
      .at(-1)!
      .send(gone());
    expect(told.at(-1)).toBe('unknown');
  });

  it('must be kept while nobody can be asked', () => {
    const lookup = lookUp(web);
    expect([lookup.isLive, lookup.mustBeKept]).toEqual([false, false]);
    calls[0].send(service());
    calls[1].send(endpoints(1));
    expect([lookup.isLive, lookup.mustBeKept]).toEqual([true, false]);
    calls[1].end(Status.unavailable);
    expect([lookup.isLive, lookup.mustBeKept]).toEqual([false, true]);
    clock.advance(1000);
    calls[2].send(endpoints(2));
    expect([lookup.isLive, lookup.mustBeKept]).toEqual([true, false]);
    calls[2].end(Status.notFound);
    expect([lookup.isLive, lookup.mustBeKept]).toEqual([true, false]);
  });

  it('is what it speaks too: a policy that is not found is forgotten with the target only', () => {
    options = { ...options, policy: { channel: () => channel, workload: '' } };
    lookUp(web);
    const policy = (): Call => calls.filter(({ method }) => method === 'Watch').at(-1)!;
    const get = calls.find(({ method }) => method === 'Get')!;
    policy().send(create(OutboundPolicySchema, { protocol: { kind: { case: 'http2', value: {} } } }));
    get.send(endpoints(1));
    policy().end(Status.notFound);
    clock.advance(60_000);
    policy().end(Status.unimplemented);
    expect(told).toEqual(['http2', 'web.shop.svc.cluster.local:80 -> 10.0.0.1:8080']);
    get.send(gone());
    expect(told.slice(2)).toEqual(['detect', 'unknown']);
  });

  const known = ['opaque', 'web.shop.svc.cluster.local:80 -> 10.0.0.1:8080'];
  const use = (): void => {
    const lookup = lookUp(web);
    calls[0].send(service(true));
    calls[1].send(endpoints(1));
    lookup.close();
    calls = [];
    told = [];
  };

  it('is there again when it is looked up while the control plane is away, until that is back', () => {
    use();
    lookUp(web);
    expect(told).toEqual([]);
    calls[0].end(Status.unavailable);
    expect(told).toEqual(known);
    calls[1].end(Status.unavailable);
    clock.advance(1000);
    calls
      .filter(({ method }) => method === 'Get')
      .at(-1)!
      .send(endpoints(2));
    expect(told.slice(2)).toEqual(['web.shop.svc.cluster.local:80 -> 10.0.0.2:8080']);
    clock.advance(60_000);
    expect(told).toHaveLength(3);
  });

  it('is there again when the control plane does not answer', () => {
    use();
    lookUp(web);
    clock.advance(300);
    expect(told).toEqual(known);
  });

  it('is not asked for where the control plane answers', () => {
    use();
    lookUp(web);
    calls[1].send(endpoints(3));
    calls[0].send(service());
    clock.advance(60_000);
    expect(told).toEqual(['web.shop.svc.cluster.local:80 -> 10.0.0.3:8080']);
  });
});
