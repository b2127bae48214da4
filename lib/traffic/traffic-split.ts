import type { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { needed, type Shape } from '../props/form.ts';
import { refuse } from './checks.ts';
import type { Match } from './match.ts';
import { type Backend, backendForm } from './mesh-service.ts';
import { type PatternProps, patternShape, RoutePattern } from './pattern.ts';
import type { RouteBackend } from './route-backend.ts';
import { matchesForm, routeBackends } from './route-shape.ts';

export interface TrafficSplitProps extends PatternProps {
  /** What is called. */
  readonly service: Backend;

  /** Where its requests go; weights are shares of their sum. */
  readonly backends: RouteBackend[];

  /**
   * Which requests are split.
   *
   * @default - all; others go to the Service itself
   */
  readonly matches?: Match[];
}

const shape: Shape<TrafficSplitProps> = {
  ...patternShape,
  service: needed(backendForm),
  backends: needed(routeBackends),
  matches: matchesForm,
};

/** The requests of a Service have several places to go, each a share of them by its weight. */
export class TrafficSplit extends RoutePattern {
  constructor(scope: Construct, id: string, props: TrafficSplitProps) {
    checkProps(shape, props, { scope, id });
    const { service, backends, matches = [] } = props;
    if (backends.length === 0) refuse('backends', '', 'must be one at least: { service: orders, weight: 1 }');
    super(scope, id, props, service, [{ matches, backends }, ...(matches.length === 0 ? [] : [{}])]);
  }
}
