import type { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { either, needed, type Shape, word } from '../props/form.ts';
import { refuse } from './checks.ts';
import { type Backend, backendForm, backendOf, differ } from './mesh-service.ts';
import { type PatternProps, patternShape, RoutePattern } from './pattern.ts';

export interface BlueGreenProps extends PatternProps {
  /** One version; its Service is what callers call. */
  readonly blue: Backend;

  /** The other. */
  readonly green: Backend;

  /** The one that has the requests: `'blue'` or `'green'`, or the same construct as one of them. */
  readonly active: 'blue' | 'green' | Backend;

  /**
   * What is called.
   *
   * @default - the Service of blue
   */
  readonly service?: Backend;
}

const shape: Shape<BlueGreenProps> = {
  ...patternShape,
  blue: needed(backendForm),
  green: needed(backendForm),
  active: needed(either(word('blue', 'green'), backendForm)),
  service: backendForm,
};

/** Two versions stand side by side, and one of them has all requests: a switch is one word, and back at once. */
export class BlueGreen extends RoutePattern {
  /** The version that has the requests. */
  readonly active: 'blue' | 'green';

  constructor(scope: Construct, id: string, props: BlueGreenProps) {
    checkProps(shape, props, { scope, id });
    const active = activeOf(props);
    const sides = { blue: backendOf('blue', props.blue), green: backendOf('green', props.green) };
    differ('green', sides.green, 'blue', sides.blue);
    super(scope, id, props, props.service ?? sides.blue, [{ backends: [{ service: sides[active] }] }]);
    this.active = active;
  }
}

function activeOf({ blue, green, active }: BlueGreenProps): 'blue' | 'green' {
  if (active === 'blue' || active === blue) return 'blue';
  if (active === 'green' || active === green) return 'green';
  const given = typeof active === 'object' && 'node' in active ? active.node.path : active;
  return refuse('active', given, "must be 'blue', 'green', or what is given as one of them");
}
