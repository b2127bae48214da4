import { describe, expect, it } from 'vitest';
import type { Affinity } from '../model/affinity.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { Backends, type BackendsOptions } from './backends.ts';

const clock = new FakeClock();
// Backends by address ask nobody: of the rest of what a balancer is made with, none is used before a request comes.
const options = {
  clock,
  deadlines: new TimerWheel(clock),
  failfastMs: 3000,
  queueCapacity: 100,
  requestMetrics: () => ({ release: () => {} }),
} as unknown as BackendsOptions;

const session = (name: string): Affinity => ({
  key: { kind: 'session', carrier: { kind: 'cookie', name, keptS: 0, path: `/${name}` }, timeoutS: undefined },
  maxLoad: undefined,
});
const header = (name: string): Affinity => ({ key: { kind: 'header', name }, maxLoad: undefined });

describe('the backends of a target', () => {
  const balancersOf = (...ways: (Affinity | undefined)[]): number => {
    const backends = new Backends(options);
    const destination = { kind: 'address', address: '10.0.0.1', port: 80 } as const;
    const of = (affinity: Affinity | undefined) =>
      backends.of({ destination, balancing: affinity && ({ affinity } as never) });
    const found = new Set(ways.map(of)).size;
    backends.close();
    return found;
  };

  it('share a balancer among rules that keep sessions, whatever theirs are called', () => {
    expect(balancersOf(session('a'), session('b'), session('c'))).toBe(1);
    expect(balancersOf(header('x-a'), header('x-b'))).toBe(1);
  });

  it('have another for another way of choosing', () => {
    expect(balancersOf(undefined, session('a'), header('x-a'), { ...header('x-a'), maxLoad: 1.25 })).toBe(4);
  });
});
