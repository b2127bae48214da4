import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type DestinationProfileSchema,
  type RetryBudget,
  RetryBudgetSchema,
  type Route,
  RouteSchema,
  type WeightedDst,
  WeightedDstSchema,
} from '../../api/gen/destination_pb.js';
import { goDurationMs } from '../../lib/contract/durations.ts';
import { type PortSet, parsePortSet } from '../../lib/contract/port-list.ts';
import { isRecord } from '../../lib/inject/kubernetes.ts';
import { type ProfileRoute, type ServiceProfile, serviceProfile } from '../../lib/kinds/service-profile.ts';
import { misshape } from '../../lib/kinds/structural-check.ts';
import { InvalidProfile, requestMatch, responseMatch } from './route-conditions.ts';

/** The defaults of Linkerd's profile translator. */
export const defaultRetryBudget = { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: durationFromMs(10_000) };

/** What a ServiceProfile adds to the profile of a Service. */
export interface ProfileFields {
  readonly routes: readonly Route[];
  readonly retryBudget: RetryBudget;
  readonly dstOverrides: readonly WeightedDst[];
  readonly opaquePorts: PortSet | undefined;
  readonly profileRef: MessageInitShape<typeof DestinationProfileSchema>['profileRef'];
  /** What cannot be used, and is as if it were not there. */
  readonly problems: readonly string[];
}

const translated = new WeakMap<ServiceProfile, ProfileFields>();

/** Translates a ServiceProfile; the same object is translated once. */
export function profileFields(profile: ServiceProfile): ProfileFields {
  let fields = translated.get(profile);
  if (fields === undefined) {
    fields = translate(profile);
    translated.set(profile, fields);
  }
  return fields;
}

function translate(profile: ServiceProfile): ProfileFields {
  const { metadata, spec: given = {} } = profile;
  // One that only has overrides says what it means.
  const misshapen = misshape(serviceProfile, {
    spec: isRecord(given) ? { ...given, routes: given.routes ?? [] } : given,
  });
  const problems: string[] = misshapen === undefined ? [] : [misshapen];
  const spec = misshapen === undefined ? given : {};
  /** The value, or `fallback` when it is invalid. */
  const attempt = <Value>(make: () => Value, fallback: Value): Value => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof InvalidProfile)) throw error;
      problems.push(error.message);
      return fallback;
    }
  };
  const routes = (spec.routes ?? []).flatMap((each, i) =>
    attempt(() => [route(each, `spec.routes[${i}]`, attempt)], []),
  );
  return {
    routes,
    retryBudget: attempt(() => retryBudget(spec.retryBudget), create(RetryBudgetSchema, defaultRetryBudget)),
    dstOverrides: attempt(() => (spec.dstOverrides ?? []).map(weightedDst), []),
    opaquePorts: attempt(() => opaquePorts(spec.opaquePorts), undefined),
    profileRef: {
      kind: {
        case: 'resource',
        value: {
          group: 'linkerd.io',
          kind: 'ServiceProfile',
          name: metadata.name,
          namespace: metadata.namespace ?? 'default',
        },
      },
    },
    problems,
  };
}

type Attempt = <Value>(make: () => Value, fallback: Value) => Value;

function route(from: ProfileRoute, where: string, attempt: Attempt): Route {
  return create(RouteSchema, {
    condition: requestMatch(from.condition, `${where}.condition`),
    responseClasses: (from.responseClasses ?? []).flatMap(({ condition, isFailure }, i) =>
      attempt(
        () => [{ condition: responseMatch(condition, `${where}.responseClasses[${i}].condition`), isFailure }],
        [],
      ),
    ),
    metricsLabels: { route: from.name },
    isRetryable: from.isRetryable,
    timeout: attempt(() => timeout(from.timeout, `${where}.timeout`), undefined),
  });
}

function timeout(text: string | undefined, where: string) {
  if (!text) return undefined;
  const ms = goDurationMs.read(text);
  if (ms === undefined || ms < 0)
    throw new InvalidProfile(`${where} (${text}) must be a duration such as 300ms or 1m30s`);
  return ms === 0 ? undefined : durationFromMs(ms);
}

function retryBudget(from: NonNullable<ServiceProfile['spec']>['retryBudget']): RetryBudget {
  if (from === undefined) return create(RetryBudgetSchema, defaultRetryBudget);
  const { retryRatio, minRetriesPerSecond, ttl } = from;
  if (!(retryRatio >= 0)) throw new InvalidProfile(`spec.retryBudget.retryRatio (${retryRatio}) must not be negative`);
  if (!Number.isInteger(minRetriesPerSecond) || minRetriesPerSecond < 0)
    throw new InvalidProfile(`spec.retryBudget.minRetriesPerSecond (${minRetriesPerSecond}) must be a whole number`);
  return create(RetryBudgetSchema, { retryRatio, minRetriesPerSecond, ttl: timeout(ttl, 'spec.retryBudget.ttl') });
}

/** A list that cannot be read in full is not read at all: its rest would get more than its share. */
function weightedDst(
  { authority, weight }: { readonly authority: string; readonly weight: number | string },
  i: number,
): WeightedDst {
  const match = /^(\d+(?:\.\d+)?)([mk]?)$/.exec(String(weight));
  if (!match)
    throw new InvalidProfile(`spec.dstOverrides[${i}].weight (${weight}) must be a quantity such as 500m or 1`);
  const whole = Number(match[1]) * { m: 0.001, k: 1000, '': 1 }[match[2] as 'm' | 'k' | '']!;
  const decimillis = Math.round(whole * 10_000);
  if (decimillis > 0xffffffff) throw new InvalidProfile(`spec.dstOverrides[${i}].weight (${weight}) is too large`);
  return create(WeightedDstSchema, { authority, weight: decimillis });
}

function opaquePorts(ports: readonly string[] | undefined): PortSet | undefined {
  if (ports === undefined) return undefined;
  const text = ports.join(',');
  const parsed = parsePortSet(text);
  if (parsed === undefined) throw new InvalidProfile(`spec.opaquePorts (${text}) must be ports, ranges or names`);
  return parsed;
}
