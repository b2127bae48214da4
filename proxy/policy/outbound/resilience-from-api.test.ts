import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { Backend_BalanceP2cSchema, FailureAccrualSchema } from '../../../api/gen/outbound_pb.js';
import { HedgeSchema } from '../../../api/gen/tulle_pb.js';
import { accrualToApi, hedgeToApi, loadToApi } from '../../../control-plane/policy/outbound/settings-to-api.ts';
import { trafficSettings } from '../../../lib/contract/traffic-annotations.ts';
import { plainLoad } from '../../balance/load.ts';
import { failureAccrualFromApi, hedgeFromApi, loadFromApi } from './resilience-from-api.ts';

let unread: string[];
beforeEach(() => {
  unread = [];
});
const read = (accrual: MessageInitShape<typeof FailureAccrualSchema>) =>
  failureAccrualFromApi(create(FailureAccrualSchema, accrual), (why) => unread.push(why));
const load = (load: MessageInitShape<typeof Backend_BalanceP2cSchema>['load']) =>
  loadFromApi(create(Backend_BalanceP2cSchema, { load }).load);

const backOff = { minMs: 1000, maxMs: 60_000, jitterRatio: 0.5, honorsHints: false };

describe('what annotations of a Service say, read as the control plane sends it', () => {
  const accrual = 'balancer.linkerd.io/failure-accrual';
  const alpha = 'balancer.alpha.linkerd.io';
  const settings = (annotations: Record<string, string>) => {
    const { accrual, loadBiaser } = trafficSettings(annotations);
    const api = accrualToApi(accrual);
    return { breaker: api && read(api), load: load(loadToApi(loadBiaser)) };
  };

  it('nothing: no endpoint is ejected, and load is measured by round trips', () => {
    expect(settings({})).toEqual({ breaker: undefined, load: plainLoad });
  });

  it('failures in a row', () => {
    const breaker = { maxFailures: 7, successRate: undefined, backOff, minReadyEndpoints: 0 };
    expect(settings({ [accrual]: 'consecutive' }).breaker).toEqual(breaker);
  });

  it('how many endpoints stay, whatever they answer', () => {
    const annotations = { [accrual]: 'consecutive', 'balancer.tulle.dev/failure-accrual-min-ready-endpoints': '2' };
    expect(settings(annotations).breaker?.minReadyEndpoints).toBe(2);
    expect(settings({ ...annotations, [accrual]: 'unified' }).breaker?.minReadyEndpoints).toBe(2);
  });

  it('both, with a time that the endpoint may ask for', () => {
    const annotations = { [accrual]: 'unified', [`${alpha}/failure-accrual-honor-retry-after`]: 'true' };
    expect(settings(annotations).breaker).toEqual({
      maxFailures: 7,
      successRate: { threshold: 0.8, windowMs: 10_000, minRequests: 5 },
      backOff: { ...backOff, honorsHints: true },
      minReadyEndpoints: 0,
    });
  });

  it('a penalty', () => {
    const penalty = { penaltyMs: 5000, maxRetryAfterMs: 300_000 };
    expect(settings({ [`${alpha}/penalize-failures`]: 'true' }).load).toEqual({ ...plainLoad, penalty });
  });
});

const consecutive = (value: object) => ({ case: 'consecutiveFailures' as const, value: { maxFailures: 2, ...value } });
const unified = (value: object) => ({ case: 'unified' as const, value: { maxConsecutiveFailures: 2, ...value } });

describe('what is left out', () => {
  it('has its default', () => {
    expect(read({ kind: consecutive({}) })?.backOff).toEqual(backOff);
    expect(read({ kind: unified({ successRateThreshold: 0.5 }) })?.successRate?.windowMs).toBe(10_000);
    expect(load({ case: undefined })).toEqual(plainLoad);
    expect(load({ case: 'penaltyPeakEwma', value: {} })?.penalty).toEqual({
      penaltyMs: 5000,
      maxRetryAfterMs: 300_000,
    });
  });

  it('ejects nothing where it leaves no cause for it', () => {
    expect(read({})).toBeUndefined();
    expect(read({ kind: consecutive({ maxFailures: 0 }) })).toBeUndefined();
    expect(read({ kind: unified({ maxConsecutiveFailures: 0 }) })).toBeUndefined();
    expect(unread).toEqual([]);
  });
});

it('the least number of endpoints that stay is read', () => {
  expect(read({ kind: consecutive({}), ejection: { minReadyEndpoints: 2 } })?.minReadyEndpoints).toBe(2);
});

describe('what cannot hold', () => {
  const backoff = (min: number, max: number, jitterRatio = 0) => ({
    backoff: { minBackoff: durationFromMs(min), maxBackoff: durationFromMs(max), jitterRatio },
  });

  it.each([
    ['a back-off above its maximum', consecutive(backoff(2000, 1000))],
    ['a maximum of 0', consecutive(backoff(0, 0))],
    ['a jitter that is negative', consecutive(backoff(1, 2, -1))],
    ['a jitter that is no number', unified(backoff(1, 2, Number.NaN))],
    ['a rate above 1', unified({ successRateThreshold: 1.5 })],
    ['a rate that is no number', unified({ successRateThreshold: Number.NaN })],
  ])('%s is told of, and ejects nothing', (_what, kind) => {
    expect(read({ kind })).toBeUndefined();
    expect(unread).toHaveLength(1);
  });

  it('a duration that is negative has its default, and none is longer than a day', () => {
    const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
    const { penalty } = load({
      case: 'penaltyPeakEwma',
      value: { penalty: seconds(-1), maxRetryAfter: seconds(1_000_000_000), decay: seconds(0) },
    });
    expect(penalty).toEqual({ penaltyMs: 5000, maxRetryAfterMs: 86_400_000 });
  });
});

describe('hedging', () => {
  const hedge = (api: MessageInitShape<typeof HedgeSchema>) =>
    hedgeFromApi(create(HedgeSchema, api), (why) => unread.push(why));
  const after = durationFromMs(50);

  it('is read as annotations say it', () => {
    const { hedge: said } = trafficSettings({ 'hedge.tulle.dev/after': '50ms', 'hedge.tulle.dev/limit': '2' });
    expect(hedge(hedgeToApi(said) ?? {})).toEqual({ afterMs: 50, limit: 2, budgetRatio: 0.2 });
  });

  it('is one try more of a fifth of the requests, where nothing else is said, and four at most', () => {
    expect(hedge({ after })).toEqual({ afterMs: 50, limit: 1, budgetRatio: 0.2 });
    expect(hedge({ after, limit: 4_000_000_000 })?.limit).toBe(4);
  });

  it.each([
    ['at once', {}],
    ['after less than nothing', { after: { seconds: -1n, nanos: 0 } }],
    ['of more than all requests', { after, budgetRatio: 1.5 }],
    ['of less than none', { after, budgetRatio: -0.1 }],
    ['of no number', { after, budgetRatio: Number.NaN }],
  ])('%s is told of, and hedges nothing', (_what, api) => {
    expect(hedge(api)).toBeUndefined();
    expect(unread).toHaveLength(1);
  });
});
