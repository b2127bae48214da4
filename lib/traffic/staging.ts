import type { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { flag, needed, type Shape } from '../props/form.ts';
import { refuse } from './checks.ts';
import type { Match } from './match.ts';
import { type Backend, backendForm, backendOf, differ } from './mesh-service.ts';
import { type PatternProps, patternShape, RoutePattern } from './pattern.ts';
import { matchesForm } from './route-shape.ts';

export interface StagingProps extends PatternProps {
  /** The version that everybody gets; its Service is what callers call. */
  readonly stable: Backend;

  /** The version that is looked at. */
  readonly next: Backend;

  /** Which requests go to the next version: `[Match.header('x-stage', 'next')]`. */
  readonly matches: Match[];

  /**
   * Requests may ask for the next version themselves, too, by their `baggage`, whichever service they pass before: an
   * annotation of the Service that is called, which is to be made in this app.
   *
   * @default false
   */
  readonly override?: boolean;
}

const shape: Shape<StagingProps> = {
  ...patternShape,
  stable: needed(backendForm),
  next: needed(backendForm),
  matches: needed(matchesForm),
  override: flag,
};

/** Single requests go to a version that nobody else sees, in the middle of production. */
export class Staging extends RoutePattern {
  constructor(scope: Construct, id: string, props: StagingProps) {
    checkProps(shape, props, { scope, id });
    const { matches, override = false } = props;
    const [stable, next] = [backendOf('stable', props.stable), backendOf('next', props.next)];
    differ('next', next, 'stable', stable);
    if (matches.length === 0) refuse('matches', '', "must say which requests: Match.header('x-stage', 'next')");
    super(scope, id, props, stable, [{ matches, backends: [{ service: next }] }, { backends: [{ service: stable }] }]);
    if (override) stable.allowOverrideBy(next);
  }
}
