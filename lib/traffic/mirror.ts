import type { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { instance, needed, type Shape } from '../props/form.ts';
import { Filter } from './filter.ts';
import { type Backend, backendForm, backendOf, differ } from './mesh-service.ts';
import { MirrorShare } from './mirror-share.ts';
import { type PatternProps, patternShape, RoutePattern } from './pattern.ts';

export interface MirrorProps extends PatternProps {
  /** What is called, and answers. */
  readonly service: Backend;

  /** What gets the copies, and answers nobody. */
  readonly to: Backend;

  /**
   * How many of the requests are copied.
   *
   * @default MirrorShare.all()
   */
  readonly share?: MirrorShare;
}

const shape: Shape<MirrorProps> = {
  ...patternShape,
  service: needed(backendForm),
  to: needed(backendForm),
  share: instance(() => MirrorShare),
};

/** Another Service gets copies of the requests of one, before anybody depends on its answers. */
export class Mirror extends RoutePattern {
  constructor(scope: Construct, id: string, props: MirrorProps) {
    checkProps(shape, props, { scope, id });
    const [service, to] = [backendOf('service', props.service), backendOf('to', props.to)];
    differ('to', to, 'service', service);
    super(scope, id, props, service, [{ filters: [Filter.mirror(to, props.share)], backends: [{ service }] }]);
  }
}
