import { create } from '@bufbuild/protobuf';
import { beforeEach, expect, it } from 'vitest';
import {
  type DestinationProfile,
  DestinationProfileSchema,
  type GetDestination,
  type Update,
  UpdateSchema,
} from '../../api/gen/destination_pb.js';
import type { GrpcChannel, StreamHandlers } from '../control/grpc/grpc-channel.ts';
import { Status } from '../control/grpc/status.ts';
import { Log } from '../telemetry/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { targetName } from './addresses.ts';
import { KnownTargets } from './known-targets.ts';
import { Lookup } from './lookup.ts';
import type { LookupOptions } from './resolution.ts';

interface Call {
  readonly path: string;
  readonly method: string;
  readonly send: (message: DestinationProfile | Update) => void;
  readonly end: (code: number) => void;
}

let open: Set<Call>;
let told: string[];
let options: LookupOptions;

const channel = {
  stream(method: { name: string }, request: GetDestination, handlers: StreamHandlers<never>) {
    const call: Call = {
      method: method.name,
      path: request.path,
      send: (message) => handlers.onMessage(message as never),
      end: (code) => {
        open.delete(call);
        handlers.onEnd(code, '');
      },
    };
    open.add(call);
    return () => open.delete(call);
  },
} as unknown as GrpcChannel;

beforeEach(() => {
  open = new Set();
  told = [];
  const log = new Log(
    'off',
    'plain',
    () => {},
    () => new Date(0),
  );
  const none = { context: '', policy: undefined, ownAddresses: new Set<string>() };
  options = { clock: new FakeClock(), channel: () => channel, log, known: new KnownTargets(), ...none };
});

const lookUp = (host: string): Lookup =>
  new Lookup(targetName(host, 80, 'shop', 'svc.cluster.local'), options, {
    onOpaque: (opaque) => opaque && told.push('opaque'),
    onPolicy: () => {},
    onRoutes: () => {},
    onEndpoints: (authority, infos) =>
      told.push(`${authority} -> ${infos.map(({ address, port }) => `${address}:${port}`).join(' ')}`),
    onUnknown: () => told.push('unknown'),
  });
const call = (path: string, method = 'Get'): Call =>
  [...open].find((each) => each.path === path && each.method === method)!;
const endpoint = (last: number): Update =>
  create(UpdateSchema, {
    update: {
      case: 'add',
      value: {
        addrs: [{ addr: { ip: { ip: { case: 'ipv4' as const, value: 0x0a000000 + last } }, port: 8080 } }],
      },
    },
  });
const gone = (): Update => create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: false } } });
const opaque = (): DestinationProfile => create(DestinationProfileSchema, { opaqueProtocol: true });
const pod = 'web-0.web.shop.svc.cluster.local:80';
const service = 'web-0.web.svc.cluster.local:80';

it('the first name that discovery knows is the target, and what was said of it before is told', () => {
  lookUp('web-0.web');
  expect([...open].every(({ path }) => path === pod)).toBe(true);
  call(pod, 'GetProfile').send(opaque());
  expect(told).toEqual([]);
  call(pod).send(endpoint(1));
  expect(told).toEqual(['opaque', `${pod} -> 10.0.0.1:8080`]);
  call(pod).send(endpoint(2));
  expect(told.at(-1)).toBe(`${pod} -> 10.0.0.1:8080 10.0.0.2:8080`);
  expect([...open].some(({ path }) => path === service)).toBe(false);
});

it.each(['not found', 'gone'])('a name that is %s gives way to the next of the search path', (how) => {
  lookUp('web-0.web');
  if (how === 'gone') call(pod).send(gone());
  else call(pod).end(Status.notFound);
  expect(told).toEqual([]);
  call(service).send(endpoint(1));
  expect(told).toEqual([`${service} -> 10.0.0.1:8080`]);
});

it('an earlier name that comes to be known takes the target over', () => {
  lookUp('web-0.web');
  call(pod).send(gone());
  call(service).send(endpoint(1));
  call(pod).send(endpoint(2));
  expect(told).toEqual([`${service} -> 10.0.0.1:8080`, `${pod} -> 10.0.0.2:8080`]);
  expect([...open].some(({ path }) => path === service)).toBe(false);
});

it('only when no name is known is the host left to the resolver, and found when one is made', () => {
  lookUp('web-0.web');
  call(pod).send(gone());
  expect(told).toEqual([]);
  call(service).send(gone());
  call(service).send(gone());
  expect(told).toEqual(['unknown']);
  call(pod).send(endpoint(1));
  expect(told).toEqual(['unknown', `${pod} -> 10.0.0.1:8080`]);
  call(pod).send(gone());
  expect(told).toHaveLength(2);
  call(service).send(gone());
  expect(told).toEqual(['unknown', `${pod} -> 10.0.0.1:8080`, 'unknown']);
});

it('a name that may be a host outside goes nowhere before discovery has spoken', () => {
  lookUp('api.example.com');
  expect(told).toEqual([]);
  call('api.example.com.svc.cluster.local:80').end(Status.invalidArgument);
  expect(told).toEqual(['unknown']);
});

it('what is closed tells nothing and asks nothing', () => {
  const lookup = lookUp('web-0.web');
  call(pod).send(gone());
  lookup.close();
  expect([open.size, told]).toEqual([0, []]);
});

it('a short name that was known is known while the control plane is away', () => {
  const before = lookUp('web-0.web');
  call(pod).send(gone());
  call(service).send(endpoint(1));
  before.close();
  told = [];
  const lookup = lookUp('web-0.web');
  for (const each of [...open]) each.end(Status.unavailable);
  for (const each of [...open]) each.end(Status.unavailable);
  expect(told).toEqual([`${service} -> 10.0.0.1:8080`]);
  expect([lookup.isLive, lookup.mustBeKept]).toEqual([false, true]);
});

it('a Service of which no pod has that name leaves it to the next that may be meant, as long as it has none', () => {
  lookUp('shop.shop');
  const noPods = create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: true } } });
  call('shop.shop.shop.svc.cluster.local:80').send(noPods);
  expect(told).toEqual([]);
  call('shop.shop.svc.cluster.local:80').send(endpoint(1));
  expect(told).toEqual(['shop.shop.svc.cluster.local:80 -> 10.0.0.1:8080']);
});

it('a Service without endpoints is known all the same when no other name is', () => {
  lookUp('shop.shop');
  const none = create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: true } } });
  call('shop.shop.shop.svc.cluster.local:80').send(none);
  call('shop.shop.svc.cluster.local:80').send(gone());
  expect(told).toEqual(['shop.shop.shop.svc.cluster.local:80 -> ']);
  call('shop.shop.svc.cluster.local:80').send(endpoint(2));
  expect(told.at(-1)).toBe('shop.shop.svc.cluster.local:80 -> 10.0.0.2:8080');
});
