import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import { type PortSpec, type Server, ServerSchema } from '../../../api/gen/inbound_pb.js';
import type { GrpcChannel, StreamHandlers } from '../../control/grpc/grpc-channel.ts';
import { Status } from '../../control/grpc/status.ts';
import { Log } from '../../telemetry/log.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { PolicyStore, type PolicyStoreOptions } from './policy-store.ts';

interface Call {
  readonly port: number;
  readonly send: (server: Server) => void;
  readonly end: (code: number) => void;
}

let calls: Call[];
/** Streams that are open now. */
let open: Set<Call>;
let logged: string[];
let clock: FakeClock;

/** A policy component that answers when the test says so. */
const channel = {
  stream(_method: unknown, request: PortSpec, handlers: StreamHandlers<never>) {
    const call: Call = {
      port: request.port,
      send: (server) => handlers.onMessage(server as never),
      end: (code) => {
        open.delete(call);
        handlers.onEnd(code, 'ended');
      },
    };
    calls.push(call);
    open.add(call);
    return () => open.delete(call);
  },
} as unknown as GrpcChannel;

beforeEach(() => {
  calls = [];
  open = new Set();
  logged = [];
  clock = new FakeClock();
});

function store(options: Partial<PolicyStoreOptions> = {}): PolicyStore {
  const policies = unstarted(options);
  policies.start();
  return policies;
}

function unstarted(options: Partial<PolicyStoreOptions> = {}): PolicyStore {
  const log = new Log(
    'warn',
    'plain',
    (line) => logged.push(line),
    () => new Date(0),
  );
  return new PolicyStore({
    ...{ clock, log, channel: () => channel, workload: '', ports: [8080], defaultPolicy: 'all-unauthenticated' },
    ...{ clusterNetworks: [], detectTimeoutMs: 10_000, opaquePorts: new Set(), requireIdentityPorts: new Set() },
    requireTlsPorts: new Set(),
    ...options,
  });
}

const server = (name: string): Server => create(ServerSchema, { labels: { name } });
const callTo = (port: number): Call => calls.filter((call) => call.port === port).at(-1)!;
/** What becomes of a connection to a port, as it is told. */
function connect(policies: PolicyStore, port: number) {
  const told: string[] = [];
  const policy = policies.acquire(port);
  policy?.whenKnown((known) => told.push(known === undefined ? 'refused' : known.current.labels.name));
  return { policy, told };
}

describe('a port of which nothing is known', () => {
  it.each([8080, 9999])('is not served by a guess: a connection to %i waits for the first word', (port) => {
    const { policy, told } = connect(store(), port);
    clock.advance(2000);
    expect([told, policy?.current]).toEqual([[], undefined]);
    callTo(port).send(server('web'));
    expect(told).toEqual(['web']);
    callTo(port).send(server('web-2'));
    clock.advance(10_000);
    expect([told, policy?.current?.labels.name]).toEqual([['web'], 'web-2']);
  });

  it('is refused when the word does not come in time, whether nobody is there or nothing is known', () => {
    const policies = store();
    const silent = connect(policies, 9998);
    const unknown = connect(policies, 9999);
    callTo(9999).end(Status.notFound);
    clock.advance(2999);
    expect([silent.told, unknown.told]).toEqual([[], []]);
    clock.advance(1);
    expect([silent.told, unknown.told]).toEqual([['refused'], ['refused']]);
    expect(logged.join()).toMatch(/no policy for a port of this workload: connections to it wait.*port=9999/);
  });

  it('and that the workload declares gets its default when it is time for that, and not before', () => {
    const policies = store({ defaultPolicy: 'deny' });
    callTo(8080).end(Status.notFound);
    const early = connect(policies, 8080);
    clock.advance(60_000);
    expect(early.told).toEqual(['refused']);
    policies.takeDefaults(2000);
    const waiting = connect(policies, 8080);
    clock.advance(1999);
    expect([waiting.told, policies.settled, policies.unspoken]).toEqual([[], false, 0]);
    clock.advance(1);
    expect([waiting.told, policies.settled, policies.unspoken]).toEqual([['deny'], true, 1]);
    expect(logged.join()).toContain('its default holds');
    callTo(8080).send(server('web'));
    expect([connect(policies, 8080).told, policies.unspoken]).toEqual([['web'], 0]);
    policies.takeDefaults(0);
    clock.advance(600_000);
    expect(waiting.policy?.current?.labels.name).toBe('web');
  });

  it('and that another must know first gets its default earlier than the others, whatever was said before or is later', () => {
    const policies = store({ ports: [8080, 9990] });
    policies.takeDefaults(3000);
    policies.takeDefaults(250, 8080);
    policies.takeDefaults(10_000);
    const [first, second] = [connect(policies, 8080), connect(policies, 9990)];
    clock.advance(249);
    expect([first.told, second.told]).toEqual([[], []]);
    clock.advance(1);
    expect([first.told, second.told]).toEqual([['all-unauthenticated'], []]);
    clock.advance(2750);
    expect(policies.settled).toBe(true);
    expect(logged.join()).toMatch(/port=8080 within=250 ms[\s\S]*port=9990 within=3000 ms/);
  });

  it.each([8080, 9999])('is asked for once that makes sense, with no wait behind: %i', (port) => {
    const policies = unstarted();
    const { told } = connect(policies, port);
    clock.advance(2500);
    expect([calls, policies.settled]).toEqual([[], false]);
    policies.start();
    policies.start();
    expect(calls.map((call) => call.port)).toEqual(port === 8080 ? [8080] : [8080, 9999]);
    callTo(port).send(server('web'));
    expect(told).toEqual(['web']);
  });

  it('keeps the workload from being ready until all that it declares are known, and once they are it is ready for good', () => {
    const settled: boolean[] = [];
    const policies = store({ ports: [80, 81, 80], onSettled: () => settled.push(policies.settled) });
    expect(policies.settled).toBe(false);
    callTo(80).send(server('web'));
    expect([policies.settled, settled]).toEqual([false, []]);
    callTo(81).send(server('web'));
    callTo(81).send(server('web-2'));
    expect([policies.settled, settled]).toEqual([true, [true]]);
    connect(policies, 9999);
    expect([store({ ports: [] }).settled, store({ channel: undefined }).settled, policies.settled]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('is told of at once by the default where no policy component is configured', () => {
    const { told } = connect(store({ channel: undefined, defaultPolicy: 'deny' }), 9999);
    expect(told).toEqual(['deny']);
  });

  it('is not told of to a connection that is over, or that has stopped waiting', () => {
    const policies = store();
    const over = connect(policies, 8080);
    over.policy!.release();
    const told: unknown[] = [];
    const stop = policies.acquire(8080)!.whenKnown((known) => told.push(known));
    stop();
    callTo(8080).send(server('web'));
    clock.advance(10_000);
    expect([over.told, told]).toEqual([[], []]);
  });
});

describe('the rate limits of a port', () => {
  it('count on through every word of the control plane, for those who come on other connections too', () => {
    const policies = store();
    const limited = (name: string, requestsPerSecond: number): Server => {
      const protocol = {
        kind: { case: 'http1' as const, value: { localRateLimit: { identity: { requestsPerSecond } } } },
      };
      return create(ServerSchema, { labels: { name }, protocol });
    };
    /** How many of ten requests of a client pass. */
    const passed = (port: number): number => {
      const { policy } = connect(policies, port);
      const limits = policy?.current?.rateLimit;
      if (policy === undefined || limits === undefined) return 10;
      return Array.from({ length: 10 }, () => policy.meters.take(limits, 'a', clock.nowMs())).filter((each) => !each)
        .length;
    };
    callTo(8080).send(limited('web', 4));
    expect([passed(8080), passed(8080)]).toEqual([4, 0]);
    callTo(8080).send(limited('web-2', 4));
    expect(passed(8080)).toBe(0);
    callTo(8080).send(server('web-3'));
    callTo(8080).send(limited('web-3', 4));
    expect(passed(8080)).toBe(0);
    clock.advance(500);
    expect(passed(8080)).toBe(2);
    callTo(8080).send(limited('web-3', 8));
    expect(passed(8080)).toBe(4);
  });
});

describe('what is known of a port', () => {
  it('stays in force whatever becomes of the control plane, and is changed by its word alone', () => {
    const policies = store();
    const { policy } = connect(policies, 8080);
    const seen: (string | undefined)[] = [];
    policy!.subscribe(() => seen.push(policy!.current?.labels.name));
    callTo(8080).send(server('deny'));
    for (const code of [Status.notFound, Status.unavailable, Status.notFound, Status.invalidArgument, Status.ok]) {
      callTo(8080).end(code);
      clock.advance(40_000);
    }
    expect(seen).toEqual(['deny']);
    expect(policy!.current?.labels.name).toBe('deny');
    expect(logged.filter((line) => line.includes('what was known of it holds'))).toHaveLength(1);
    callTo(8080).send(server('allow'));
    expect(seen).toEqual(['deny', 'allow']);
    policy!.release();
    callTo(8080).send(server('deny'));
    expect(seen).toEqual(['deny', 'allow']);
  });

  it('is what the workload declares, for ever', () => {
    const policies = store({ ports: [80, 81] });
    connect(policies, 80).policy!.release();
    clock.advance(3_600_000);
    expect([...open].map(({ port }) => port)).toEqual([80, 81]);
  });
});

describe('a port that the workload does not declare', () => {
  it('is watched while connections use it and for a while after, and is asked for anew later', () => {
    const policies = store();
    const first = connect(policies, 9999);
    const second = connect(policies, 9999);
    callTo(9999).send(server('web'));
    clock.advance(600_000);
    first.policy!.release();
    first.policy!.release();
    clock.advance(600_000);
    expect(policies.size).toBe(2);
    second.policy!.release();
    clock.advance(50_000);
    expect(connect(policies, 9999).told).toEqual(['web']);
    expect(calls.filter(({ port }) => port === 9999)).toHaveLength(1);
  });

  it('leaves nothing behind', () => {
    const policies = store();
    connect(policies, 9999).policy!.release();
    clock.advance(90_000);
    expect([policies.size, [...open].map(({ port }) => port)]).toEqual([1, [8080]]);
    expect(connect(policies, 9999).told).toEqual([]);
  });

  it('is refused when too many are in use; declared ports are not touched by it', () => {
    const policies = store({ maxUndeclared: 3 });
    const inUse = [1, 2, 3].map((port) => connect(policies, port));
    clock.advance(5000);
    expect(policies.acquire(4)).toBeUndefined();
    expect(policies.acquire(5)).toBeUndefined();
    expect(logged.filter((line) => line.includes('too many ports'))).toHaveLength(1);
    expect(policies.acquire(1)).toBeDefined();
    expect(policies.acquire(8080)).toBeDefined();
    inUse[1].policy!.release();
    clock.advance(1000);
    expect(policies.acquire(4)).toBeDefined();
    expect([...open].map(({ port }) => port)).toEqual([8080, 1, 3, 4]);
  });

  it('is opened so seldom for another one that a scan of all ports is no flood for the policy component', () => {
    const policies = store({ maxUndeclared: 100 });
    for (let port = 10_000; port < 20_000; port++) {
      policies.acquire(port)?.release();
      clock.advance(1);
      expect(open.size).toBeLessThanOrEqual(101);
    }
    expect(calls.length).toBeLessThanOrEqual(1101);
    clock.advance(100_000);
    expect(open.size).toBe(1);
  });
});

it('a store that is closed watches nothing and takes nothing new', () => {
  const policies = store();
  connect(policies, 9999);
  policies.close();
  expect([open.size, policies.acquire(1)]).toEqual([0, undefined]);
});
