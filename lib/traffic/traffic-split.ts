import type { Construct } from 'constructs';
import { refuse } from './checks.ts';
import type { Match } from './match.ts';
import type { Backend } from './mesh-service.ts';
import { type PatternProps, RoutePattern } from './pattern.ts';
import type { RouteBackend } from './route-backend.ts';

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

/** The requests of a Service have several places to go, each a share of them by its weight. */
export class TrafficSplit extends RoutePattern {
  constructor(scope: Construct, id: string, props: TrafficSplitProps) {
    const { service, backends, matches = [] } = props;
    if (backends.length === 0) refuse('backends', '', 'must be one at least: { service: orders, weight: 1 }');
    super(scope, id, props, service, [{ matches, backends }, ...(matches.length === 0 ? [] : [{}])]);
  }
}
