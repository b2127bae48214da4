import { describe, expect, it } from 'vitest';
import type { Backend } from '../backend/backend.ts';
import type { BalancedEndpoint } from '../backend/balanced-endpoint.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { SessionKey } from '../model/affinity.ts';
import { noPolicy, type OutboundRule, type RuleBackend } from '../policy/outbound/model.ts';
import { exchangeOf, testSide } from '../testing/exchanges.ts';
import { Field } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import { type RulePlanOptions, rulePlan } from './rule-plan.ts';

const key: SessionKey = { kind: 'session', carrier: { kind: 'header', name: 'x-seat' }, timeoutS: undefined };
const { labels } = noPolicy;
const affinity = { key, maxLoad: undefined };

const backend = (name: string, weight: number): RuleBackend => ({
  labels: { ...labels, kind: 'Service', namespace: 'shop', name, port: 80 },
  destination: { kind: 'service', path: `${name}.shop.svc:80` },
  filters: undefined,
  mirrors: [],
  balancing: { affinity } as RuleBackend['balancing'],
  weight,
  timeoutMs: undefined,
});

/** A rule over backends that keep sessions: which of them gets a request, and what it has its client told of a session. */
function seats(...backends: RuleBackend[]) {
  const at: number[] = [];
  const attempts: Attempt[] = [];
  const endpoint = { info: { address: '10.0.0.1', port: 80 } } as BalancedEndpoint;
  const options = {
    backendOf: () =>
      ({
        isAvailable: true,
        send: (attempt) => void attempts.push(Object.assign(attempt, { endpoint })),
      }) as Partial<Backend>,
    random: () => 0.5,
    parent: labels,
    counts: { backend: (rule: RuleBackend) => ({ begun: () => void at.push(backends.indexOf(rule)) }) },
  } as unknown as RulePlanOptions;
  const rule = { labels, mirrors: [], distribution: { kind: 'random', backends } } as unknown as OutboundRule;
  const plan = rulePlan(rule, options);
  return (seat?: string) => {
    const fields = seat === undefined ? [] : [new Field('x-seat', seat)];
    const { exchange, client } = exchangeOf(testSide(), { head: { fields } });
    exchange.begin(plan);
    const [to, attempt] = [at.pop(), attempts.pop()];
    const head = attempt?.filters?.applyToResponse(responseHead(200, -1), exchange.head);
    return { to, told: head?.fields.at(0)?.value, keyed: attempt?.key !== undefined, status: client.status };
  };
}

describe('sessions of a rule', () => {
  it.each([
    ['is moved to weight 0', [backend('v1', 0), backend('v2', 100)]],
    ['is moved to weight 0 beside several', [backend('v1', 0), backend('v2', 50), backend('v3', 50)]],
  ])('stay at a backend that %s, and nothing new comes there', (_what, later) => {
    const { told } = seats(backend('v1', 1))();
    const send = seats(...later);
    for (let i = 0; i < 10; i++) {
      expect(send(told)).toEqual({ to: 0, told: undefined, keyed: true, status: undefined });
      expect(send().to).toBeGreaterThan(0);
    }
  });

  it('stay where all weights are 0, which fails what is new', () => {
    const { told } = seats(backend('v1', 1))();
    const send = seats(backend('v1', 0));
    expect(send(told).to).toBe(0);
    expect(send()).toMatchObject({ to: undefined, status: 500 });
  });

  it('stay at the one backend of two of the same Service that they began at', () => {
    const first = seats(backend('web', 1), backend('web', 0))().told;
    const second = seats(backend('web', 0), backend('web', 1))().told;
    const send = seats(backend('web', 50), backend('web', 50));
    for (let i = 0; i < 10; i++) {
      expect(send(first)).toMatchObject({ to: 0, told: undefined, keyed: true });
      expect(send(second)).toMatchObject({ to: 1, told: undefined, keyed: true });
    }
  });

  it('stay where they are when backends change their order', () => {
    const { told } = seats(backend('v1', 1), backend('v2', 0))();
    expect(seats(backend('v2', 50), backend('v1', 50))(told)).toMatchObject({ to: 1, keyed: true });
  });
});
