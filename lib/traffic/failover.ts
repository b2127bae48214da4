import type { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { listOf, needed, number, type Shape } from '../props/form.ts';
import { refuse } from './checks.ts';
import { type Backend, backendForm, backendOf, differ } from './mesh-service.ts';
import { type PatternProps, patternShape, RoutePattern } from './pattern.ts';
import { BackendOrder } from './route-object.ts';

export interface FailoverProps extends PatternProps {
  /** What is called. */
  readonly service: Backend;

  /** Where requests go, in order of preference. */
  readonly backends: Backend[];

  /**
   * The percentage of its endpoints of which fewer are ready when a backend is passed over, above 0 and up to 100.
   *
   * @default - one that is ready will do
   */
  readonly below?: number;
}

const shape: Shape<FailoverProps> = {
  ...patternShape,
  service: needed(backendForm),
  backends: needed(listOf(backendForm)),
  below: number,
};

/** Another backend has the requests of a Service while the one that is preferred cannot carry them. */
export class Failover extends RoutePattern {
  constructor(scope: Construct, id: string, props: FailoverProps) {
    checkProps(shape, props, { scope, id });
    const { service, below } = props;
    const backends = props.backends.map((each) => backendOf('backends', each));
    if (backends.length < 2)
      refuse('backends', backends.length, 'must be two at least: one, and what stands in for it');
    for (const [at, each] of backends.entries()) {
      for (const other of backends.slice(0, at)) differ('backends', each, 'backends', other);
    }
    const rules = [{ backends: backends.map((each) => ({ service: each })) }];
    super(scope, id, props, service, rules, BackendOrder.preferred(below));
  }
}
