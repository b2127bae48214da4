import { beforeEach, expect, it } from 'vitest';
import { type BudgetedConnection, type ClientBudget, ClientBudgets, type RefusalReason } from './client-budgets.ts';

let now: number;
let refused: RefusalReason[];
let budgets: ClientBudgets;

beforeEach(() => {
  now = 0;
  refused = [];
  budgets = new ClientBudgets({
    limits: {
      connections: 100,
      requests: 5,
      connectsPerSecond: 10,
      handshakesPerSecond: 2,
      resetsPerSecond: 1,
      unreadBytes: 1000,
      allUnreadBytes: 3000,
    },
    nowMs: () => now,
    onRefused: (reason) => refused.push(reason),
  });
});

const from = (remoteAddress: string, identity?: string): BudgetedConnection =>
  ({ remoteAddress, tls: identity === undefined ? undefined : { identity, alpn: undefined } }) as BudgetedConnection;

function admitted(address: string, identity?: string): ClientBudget {
  const connection = from(address, identity);
  expect(budgets.admit(connection)).toBe(true);
  if (identity !== undefined) budgets.identify(connection);
  return connection.budget as ClientBudget;
}

it('connections of one address are limited at once and by time, and not those of another', () => {
  const first = Array.from({ length: 101 }, () => budgets.admit(from('10.9.0.1')));
  expect(first.filter((isAdmitted) => isAdmitted)).toHaveLength(100);
  expect(budgets.admit(from('10.9.0.2'))).toBe(true);
  for (let i = 0; i < 100; i++) admitted('10.9.0.3').closed();
  expect(budgets.admit(from('10.9.0.3'))).toBe(false);
  expect(refused).toEqual(['connections', 'connects']);
  now = 1000;
  const later = Array.from({ length: 20 }, () => budgets.admit(from('10.9.0.3')));
  expect(later.filter((isAdmitted) => isAdmitted)).toHaveLength(10);
});

it('resets count over all connections of a client, and are paid back by what it lets end and by time', () => {
  const [one, other] = [admitted('10.9.0.1'), admitted('10.9.0.1')];
  for (let i = 0; i < 60; i++) expect((i % 2 ? one : other).reset()).toBe(true);
  expect(one.reset()).toBe(false);
  other.completed();
  expect([one.reset(), one.reset()]).toEqual([true, false]);
  now = 2000;
  expect([one.reset(), one.reset(), one.reset()]).toEqual([true, true, false]);
});

it('who proves an identity is counted apart from its address, with more of it', () => {
  const meshed = admitted('10.9.0.1', 'web');
  const plain = admitted('10.9.0.1');
  expect(meshed).not.toBe(plain);
  expect([meshed.connections, plain.connections]).toEqual([1, 1]);
  for (let i = 0; i < 600; i++) expect(meshed.reset()).toBe(true);
  expect(meshed.reset()).toBe(false);
  meshed.requests = 49;
  plain.requests = 5;
  expect([meshed.mayRequest(), plain.mayRequest()]).toEqual([true, false]);
});

it('what waits for a client is limited, and where too much waits in all, of those that have more than their share', () => {
  const [first, second, third, small] = ['1', '2', '3', '4'].map((host) => admitted(`10.9.0.${host}`));
  expect([first.hold(1000), first.hold(1)]).toEqual([true, false]);
  expect([second.hold(900), third.hold(900), small.hold(10)]).toEqual([true, true, true]);
  expect([third.hold(100), third.hold(100), small.hold(500)]).toEqual([true, false, true]);
  first.release(1000);
  expect(budgets.heldBytes).toBe(900 + 1000 + 510);
  expect(budgets.holders).toBe(3);
});

it('clients of which nothing is left are forgotten', () => {
  for (let i = 0; i < 5000; i++) {
    admitted(`10.8.${i >> 8}.${i & 255}`).closed();
    now += 10;
  }
  expect(budgets.size).toBeLessThan(2100);
});
