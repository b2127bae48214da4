import { either, instance, listOf, needed, number, propsOf, type Shape, text } from '../props/form.ts';
import { metadataForm } from '../props/object-forms.ts';
import { Filter } from './filter.ts';
import { Match } from './match.ts';
import { backendForm } from './mesh-service.ts';
import type { RouteBackend } from './route-backend.ts';
import { BackendOrder, type RouteProps, type RouteRule } from './route-object.ts';
import { RouteParent } from './route-parent.ts';
import { Sessions } from './sessions.ts';
import { settingsShape } from './settings-shape.ts';

export const parentForm = either(
  backendForm,
  instance(() => RouteParent),
);
export const matchesForm = listOf(instance(() => Match));

const routeBackend: Shape<RouteBackend> = {
  service: needed(backendForm),
  weight: number,
  filters: listOf(instance(() => Filter)),
};
export const routeBackends = listOf(propsOf(routeBackend));

/** Of a rule, as far as HTTP and gRPC do not differ. */
export const ruleShape: Shape<RouteRule> = {
  matches: matchesForm,
  filters: listOf(instance(() => Filter)),
  backends: routeBackends,
  sessions: instance(() => Sessions),
};

/** What HttpRoute and GrpcRoute have in common. */
export const routeShape: Shape<RouteProps> = {
  ...settingsShape,
  metadata: metadataForm,
  parent: needed(parentForm),
  hostnames: listOf(text),
  order: instance(() => BackendOrder),
};
