import type { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { instance, listOf, needed, number, type Shape } from '../props/form.ts';
import { refuse, whole } from './checks.ts';
import type { Match } from './match.ts';
import { type Backend, backendForm, backendOf, differ, type MeshService } from './mesh-service.ts';
import { type PatternProps, patternShape, RoutePattern } from './pattern.ts';
import type { RouteRule } from './route-object.ts';

/** How far a new version has come. */
export class CanaryStep {
  /** It has so many of a hundred requests, in whole numbers. */
  static weight(percent: number): CanaryStep {
    return new CanaryStep(whole('weight', percent, 0, 100) ?? 0, []);
  }

  /** It has the requests that one of these fits, and no other. */
  static matching(...matches: Match[]): CanaryStep {
    if (matches.length === 0) refuse('matching', '', "must say which requests: Match.header('x-canary', '1')");
    return new CanaryStep(0, matches);
  }

  /** Its share of the requests that no match is for, in percent. */
  readonly percent: number;
  /** @internal */
  readonly _matches: readonly Match[];

  private constructor(percent: number, matches: readonly Match[]) {
    this.percent = percent;
    this._matches = matches;
  }

  /** The requests that one of these fits all go to the new version, too. */
  and(...matches: Match[]): CanaryStep {
    return new CanaryStep(this.percent, [...this._matches, ...matches]);
  }
}

export interface CanaryProps extends PatternProps {
  /** The version that is there; its Service is what callers call. */
  readonly primary: Backend;

  /** The new version. */
  readonly canary: Backend;

  /**
   * What is called.
   *
   * @default - the Service of the primary
   */
  readonly service?: Backend;

  /**
   * The share of the new version in percent, in whole numbers.
   *
   * @default - as `steps` and `step` say
   */
  readonly weight?: number;

  /**
   * How the new version comes to all requests, in place of `weight`.
   *
   * @default - none
   */
  readonly steps?: CanaryStep[];

  /**
   * At which of the steps it is, the first being 0: the gate that a person opens, by a change of this number.
   *
   * @default 0
   */
  readonly step?: number;
}

const shape: Shape<CanaryProps> = {
  ...patternShape,
  primary: needed(backendForm),
  canary: needed(backendForm),
  service: backendForm,
  weight: number,
  steps: listOf(instance(() => CanaryStep)),
  step: number,
};

/**
 * A new version has a share of the requests that are sent to the Service of the one that is there.
 *
 * ```ts
 * new Canary(shop, 'orders-canary', { primary: orders, canary: ordersNext, weight: 10 });
 * ```
 */
export class Canary extends RoutePattern {
  /** The step that holds. */
  readonly current: CanaryStep;

  constructor(scope: Construct, id: string, props: CanaryProps) {
    checkProps(shape, props, { scope, id });
    const current = stepOf(props);
    const [primary, canary] = [backendOf('primary', props.primary), backendOf('canary', props.canary)];
    differ('canary', canary, 'primary', primary);
    super(scope, id, props, props.service ?? primary, rulesOf(primary, canary, current));
    this.current = current;
  }
}

function stepOf({ weight, steps, step }: CanaryProps): CanaryStep {
  if (steps === undefined) {
    if (step !== undefined) refuse('step', step, "must stand beside 'steps', which it is one of");
    if (weight === undefined) refuse('weight', weight, "must be there, or 'steps'");
    return CanaryStep.weight(weight);
  }
  if (weight !== undefined) refuse('weight', weight, "must not stand beside 'steps', which say it: leave one out");
  if (steps.length === 0) refuse('steps', '', 'must be one at least: CanaryStep.weight(10)');
  const at = step ?? 0;
  if (!(Number.isInteger(at) && at >= 0 && at < steps.length)) {
    refuse('step', at, `must be from 0 to ${steps.length - 1}: there are ${steps.length} steps`);
  }
  return steps[at];
}

function rulesOf(primary: MeshService, canary: MeshService, { percent, _matches: matches }: CanaryStep): RouteRule[] {
  const chosen = matches.length === 0 ? [] : [{ matches: [...matches], backends: [{ service: canary }] }];
  return [
    ...chosen,
    {
      backends: [
        { service: primary, weight: 100 - percent },
        { service: canary, weight: percent },
      ],
    },
  ];
}
