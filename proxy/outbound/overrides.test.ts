import { beforeEach, describe, expect, it } from 'vitest';
import { Unusable } from '../backend/unusable.ts';
import type { TryCounts } from '../exchange/counts.ts';
import { plainPlan, type RoutePlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import type { OverrideTarget } from '../policy/outbound/model.ts';
import { exchangeOf, testSide } from '../testing/exchanges.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { Overrides } from './overrides.ts';

const target = { group: 'core', kind: 'Service', name: 'web', namespace: 'shop', port: 80, section: '' };
const next: OverrideTarget = {
  labels: { ...target, name: 'web-v2' },
  destination: { kind: 'service', path: 'web-v2.shop.svc.cluster.local:80' },
};
const elsewhere: OverrideTarget = { ...next, labels: { ...target, name: 'cart', namespace: 'other' } };
const plain = plainPlan(new Unusable(failures.backend));
const decided = {
  route: { ...target, kind: 'HTTPRoute' },
  parent: target,
  authorization: undefined,
  override: undefined,
};
let tried: string[];
const counts: TryCounts = { begun: () => {}, received: () => {}, over: () => {} };
const rule: RoutePlan = {
  ...plain,
  decided,
  tries: () => undefined,
  elsewhere: ({ name }) => {
    tried.push(name);
    return counts;
  },
};

let counted: [string, string | undefined][];
let made: OverrideTarget[];
let overrides: Overrides;
beforeEach(() => {
  counted = [];
  tried = [];
  made = [];
  overrides = new Overrides({
    target,
    allowed: [next, elsewhere],
    backendOf: (allowed) => {
      made.push(allowed);
      return new Unusable(failures.failfast);
    },
    count: (decision, to) => counted.push([decision, to?.labels.name]),
  });
});

function plan(baggage: string, of = rule): RoutePlan {
  const fields = [new Field('baggage', baggage)];
  return overrides.planOf(exchangeOf(testSide(), { head: { fields, marks: marksOfAll(fields) } }).exchange, of);
}
const asking = (value: string): string => `tulle-override=${value}`;

describe('a request with baggage', () => {
  it('goes to the Service that it may ask for, with all else that its rule says', () => {
    const { sender, decided, ...rest } = plan(asking('web.shop:web-v2'));
    expect(sender).not.toBe(rule.sender);
    expect(decided).toEqual({ ...rule.decided, override: 'web-v2.shop' });
    const { sender: _own, decided: _route, ...ofRule } = rule;
    expect(rest).toEqual({ ...ofRule, classify: expect.any(Function) });
    expect(rest.classify(503, -1, undefined)).toBe(rule.classify(503, -1, undefined));
    expect(counted).toEqual([['allowed', 'web-v2']]);
    expect(tried).toEqual(['web-v2']);
  });

  it('tells what it asked for where nothing else was decided, too', () => {
    const override = 'cart.other';
    const told = plan(asking('web.shop:cart.other'), plain).decided;
    expect(told).toEqual({ route: undefined, parent: target, authorization: undefined, override });
  });

  it('has the same plan as others that ask for the same by the same rule', () => {
    const first = plan(asking('web.shop:web-v2'));
    expect(plan(asking('web.shop:web-v2.shop'))).toBe(first);
    expect(plan(asking('web.shop:cart.other'))).not.toBe(first);
    expect(plan(asking('web.shop:web-v2'), { ...rule })).not.toBe(first);
    expect(made).toEqual([next, elsewhere, next]);
  });

  it.each<[string, [string, string | undefined][]]>([
    ['user=1', []],
    [asking('cart.shop:web-v2'), []],
    [asking('web.other:web-v2'), []],
    [asking('web.shop:web-v3'), [['not_allowed', undefined]]],
    [asking('web.shop:web-v2.other'), [['not_allowed', undefined]]],
    [asking('web.shop:cart'), [['not_allowed', undefined]]],
    [asking('web.shop'), [['malformed', undefined]]],
  ])('goes by its rule where it is %s', (baggage, decisions) => {
    expect(plan(baggage)).toBe(rule);
    expect(counted).toEqual(decisions);
    expect(made).toEqual([]);
  });
});
