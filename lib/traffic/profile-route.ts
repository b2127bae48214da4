import type { Duration } from 'cdk8s';
import type { ProfileRoute as RouteFields } from '../kinds/service-profile.ts';
import { duration, flag, instance, listOf, needed, propsOf, type Shape, text } from '../props/form.ts';
import { milliseconds, refuse } from './checks.ts';
import { RequestCondition, ResponseCondition } from './profile-conditions.ts';

export interface ResponseClass {
  /** Which responses it is of. */
  readonly condition: ResponseCondition;

  /**
   * Whether they are failures: counted as such, and tried again where the route's requests are.
   *
   * @default false
   */
  readonly isFailure?: boolean;
}

/** What is done with the requests of a route. */
export interface ProfileRouteSettings {
  /**
   * Whether requests that fail are tried again, as far as the budget goes.
   *
   * @default - as the description says; else false
   */
  readonly isRetryable?: boolean;

  /**
   * Of a request with all of its tries.
   *
   * @default - as the description says; else no limit
   */
  readonly timeout?: Duration;

  /**
   * Which responses are failures, and which are none; the first that fits holds.
   *
   * @default - as the description says; else statuses from 500 on are failures
   */
  readonly responseClasses?: ResponseClass[];
}

export interface ProfileRoute extends ProfileRouteSettings {
  /** By which its requests are counted: `GET /items/{id}`. */
  readonly name: string;

  /** Which requests it is for. Of several routes that fit one the first holds. */
  readonly condition: RequestCondition;
}

const responseClass: Shape<ResponseClass> = { condition: needed(instance(() => ResponseCondition)), isFailure: flag };
export const routeSettings: Shape<ProfileRouteSettings> = {
  isRetryable: flag,
  timeout: duration,
  responseClasses: listOf(propsOf(responseClass)),
};
export const profileRoute: Shape<ProfileRoute> = {
  ...routeSettings,
  name: needed(text),
  condition: needed(instance(() => RequestCondition)),
};

/** Routes as the object has them. Throws for two of one name or condition. */
export function renderRoutes(routes: readonly ProfileRoute[]): RouteFields[] {
  return distinct(
    routes.map((route) => {
      if (route.name === '' || route.name.length > 256)
        refuse('name', route.name, 'must have from 1 to 256 characters');
      return withSettings({ name: route.name, condition: route.condition._fields }, route);
    }),
  );
}

/** What is said of described routes, by their names. Throws for a name that there is not. */
export function settled(
  routes: readonly RouteFields[],
  settings: Readonly<Record<string, ProfileRouteSettings>>,
): RouteFields[] {
  const unknown = Object.keys(settings).find((given) => !routes.some(({ name }) => name === given));
  if (unknown !== undefined) {
    refuse('settings', unknown, `must be of a route that is described: ${routes.map(({ name }) => name).join(', ')}`);
  }
  return distinct(
    routes.map((route) => (Object.hasOwn(settings, route.name) ? withSettings(route, settings[route.name]) : route)),
  );
}

function withSettings(route: RouteFields, settings: ProfileRouteSettings): RouteFields {
  const { isRetryable, timeout, responseClasses } = settings;
  return {
    ...route,
    ...(isRetryable === undefined ? {} : { isRetryable }),
    ...(timeout === undefined ? {} : { timeout: goDuration('timeout', timeout) }),
    ...(responseClasses === undefined
      ? {}
      : {
          responseClasses: responseClasses.map(({ condition, isFailure }) => ({
            condition: condition._fields,
            ...(isFailure === undefined ? {} : { isFailure }),
          })),
        }),
  };
}

function distinct(routes: RouteFields[]): RouteFields[] {
  const [names, conditions] = [new Set<string>(), new Map<string, string>()];
  for (const { name, condition } of routes) {
    if (names.has(name))
      refuse('name', name, 'must be of one route: give several conditions as RequestCondition.any()');
    names.add(name);
    const text = JSON.stringify(condition);
    const other = conditions.get(text);
    if (other !== undefined)
      refuse('condition', name, `must be another one than that of '${other}', which takes all of its requests`);
    conditions.set(text, name);
  }
  return routes;
}

/** As Go reads durations, in whole milliseconds. */
export const goDuration = (name: string, value: Duration): string => `${milliseconds(name, value)}ms`;
