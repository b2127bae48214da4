import type { Construct, IConstruct } from 'constructs';
import { kinds } from '../kinds/index.ts';
import type { ObjectRef } from '../kinds/schema.ts';
import { checkProps } from '../props/check-props.ts';
import { listOf, needed, number, propsOf, type Shape } from '../props/form.ts';
import { numberOf } from './checks.ts';
import { callerForm, type IMeshed, type IServiceAccountSubject, peerOf } from './mesh-peer.ts';
import { PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';
import { type PolicyTarget, targetForm, targetRef } from './policy-target.ts';

/** How many requests some clients may make. */
export interface RateLimitOverride {
  /** Workloads, and ServiceAccounts; each is counted for itself. At least one. */
  readonly clients: (IMeshed | IServiceAccountSubject)[];

  /** Requests in a second. */
  readonly requestsPerSecond: number;
}

/** How many requests are taken. At least one limit is to be given. Each pod counts for itself. */
export interface RateLimitOptions {
  /**
   * Requests in a second, of all clients together.
   *
   * @default - no limit
   */
  readonly requestsPerSecond?: number;

  /**
   * Requests in a second of each identity; of all clients without one together.
   *
   * @default - no limit
   */
  readonly perIdentity?: number;

  /**
   * Other limits for some clients, in place of `perIdentity`.
   *
   * @default - none
   */
  readonly overrides?: RateLimitOverride[];
}

export interface RateLimitProps extends PolicyObjectProps, RateLimitOptions {
  /** The Server whose requests are counted. */
  readonly target: PolicyTarget | IConstruct;
}

const override: Shape<RateLimitOverride> = {
  clients: needed(listOf(callerForm)),
  requestsPerSecond: needed(number),
};
export const rateLimitShape: Shape<RateLimitOptions> = {
  requestsPerSecond: number,
  perIdentity: number,
  overrides: listOf(propsOf(override)),
};
const shape: Shape<RateLimitProps> = { ...policyShape, ...rateLimitShape, target: needed(targetForm) };

/** Answers requests beyond a limit by 429 (an HTTPLocalRateLimitPolicy). */
export class RateLimit extends PolicyObject {
  constructor(scope: Construct, id: string, props: RateLimitProps) {
    checkProps(shape, props, { scope, id });
    super(scope, id, kinds.HTTPLocalRateLimitPolicy, props, (namespace) =>
      rateLimitSpec(props, targetRef(props.target, namespace, [kinds.Server])),
    );
  }
}

const most = 2_147_483_647;

/** The specification of a limit of a Server. Throws for what cannot be meant. */
export function rateLimitSpec(options: RateLimitOptions, target: ObjectRef): Record<string, unknown> {
  const { requestsPerSecond, perIdentity, overrides = [] } = options;
  const total = numberOf('requestsPerSecond', requestsPerSecond, most);
  const each = numberOf('perIdentity', perIdentity, most);
  if (total === undefined && each === undefined && overrides.length === 0) {
    throw new Error("'rateLimit' () must say a limit: { requestsPerSecond: 100, perIdentity: 10 }");
  }
  const within = (name: string, rate: number | undefined): void => {
    if (rate === undefined || total === undefined || rate <= total) return;
    throw new Error(`'${name}' (${rate}) must not be more than 'requestsPerSecond' (${total}) of all together`);
  };
  within('perIdentity', each);
  const named = new Set<string>();
  return {
    targetRef: target,
    ...(total === undefined ? {} : { total: { requestsPerSecond: total } }),
    ...(each === undefined ? {} : { identity: { requestsPerSecond: each } }),
    ...(overrides.length === 0
      ? {}
      : {
          overrides: overrides.map(({ clients, requestsPerSecond: rate }) => {
            within('overrides.requestsPerSecond', numberOf('overrides.requestsPerSecond', rate, most));
            const accounts = clients.flatMap((client) => peerOf(client, "'overrides.clients'").serviceAccounts ?? []);
            if (accounts.length === 0)
              throw new Error("'overrides.clients' () must name a workload or a ServiceAccount");
            for (const { name, namespace } of accounts) {
              const account = `${namespace}/${name}`;
              if (named.has(account)) {
                throw new Error(`'overrides.clients' (${account}) must be named once: its limit would be ambiguous`);
              }
              named.add(account);
            }
            const clientRefs = accounts.map(({ name, namespace }) => ({ kind: 'ServiceAccount', name, namespace }));
            return { requestsPerSecond: rate, clientRefs };
          }),
        }),
  };
}
