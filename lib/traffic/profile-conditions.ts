import { patternProblem } from '../contract/pattern.ts';
import type {
  RequestCondition as RequestFields,
  ResponseCondition as ResponseFields,
} from '../kinds/service-profile.ts';
import { checkProps } from '../props/check-props.ts';
import { instance, listOf, needed, text } from '../props/form.ts';
import { check, refuse, whole } from './checks.ts';

/** Conditions stand in at most this many others; proxies are told of no deeper ones. */
const maxDepth = 16;

/**
 * Which requests a route of a ServiceProfile is for.
 *
 * ```ts
 * RequestCondition.of('GET', '/items/[^/]*')
 * ```
 */
export class RequestCondition {
  /** Those of a method whose whole path fits a regular expression. */
  static of(method: string, pathRegex: string): RequestCondition {
    const [{ _fields: one }, { _fields: other }] = [RequestCondition.method(method), RequestCondition.path(pathRegex)];
    return new RequestCondition({ ...one, ...other });
  }

  /** Those whose whole path fits a regular expression. */
  static path(pathRegex: string): RequestCondition {
    checkProps({ pathRegex: needed(text) }, { pathRegex });
    check('pathRegex', pathRegex, pathRegex === '' ? 'must not be empty' : undefined);
    const problem = patternProblem(pathRegex);
    check('pathRegex', pathRegex, problem && `must be a regular expression that proxies match by: ${problem}`);
    return new RequestCondition({ pathRegex });
  }

  /** Those of a method. */
  static method(method: string): RequestCondition {
    checkProps({ method: needed(text) }, { method });
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Z]{1,64}$/.test(method)) {
      refuse('method', method, "must be a method of HTTP in capitals, such as 'GET'");
    }
    return new RequestCondition({ method });
  }

  /** Those that fit all of some conditions. */
  static all(...conditions: RequestCondition[]): RequestCondition {
    checkProps({ all: needed(listOf(instance(() => RequestCondition))) }, { all: conditions });
    return new RequestCondition({ all: listed('all', conditions) }, deepest(conditions));
  }

  /** Those that fit any of some conditions. */
  static any(...conditions: RequestCondition[]): RequestCondition {
    checkProps({ any: needed(listOf(instance(() => RequestCondition))) }, { any: conditions });
    return new RequestCondition({ any: listed('any', conditions) }, deepest(conditions));
  }

  /** Those that do not fit a condition. */
  static not(condition: RequestCondition): RequestCondition {
    checkProps({ not: needed(instance(() => RequestCondition)) }, { not: condition });
    return new RequestCondition({ not: condition._fields }, deepest([condition]));
  }

  /** As the object has it. @internal */
  readonly _fields: RequestFields;
  /** How many conditions stand in one another. @internal */
  readonly _depth: number;

  private constructor(fields: RequestFields, within = 0) {
    this._fields = fields;
    this._depth = checkedDepth(within);
  }
}

/**
 * Which responses a class of a ServiceProfile is for.
 *
 * ```ts
 * ResponseCondition.statusRange(500, 599)
 * ```
 */
export class ResponseCondition {
  /** Those of one status. */
  static status(status: number): ResponseCondition {
    return ResponseCondition.statusRange(status, status);
  }

  /** Those of the statuses from `first` to `last`, both of them included. */
  static statusRange(first: number, last: number): ResponseCondition {
    whole('first', first, 100, 599);
    whole('last', last, 100, 599);
    if (first > last) refuse('first', first, `must not be above 'last' (${last}): turn them round`);
    return new ResponseCondition({ status: { min: first, max: last } });
  }

  /** Those that fit all of some conditions. */
  static all(...conditions: ResponseCondition[]): ResponseCondition {
    checkProps({ all: needed(listOf(instance(() => ResponseCondition))) }, { all: conditions });
    return new ResponseCondition({ all: listed('all', conditions) }, deepest(conditions));
  }

  /** Those that fit any of some conditions. */
  static any(...conditions: ResponseCondition[]): ResponseCondition {
    checkProps({ any: needed(listOf(instance(() => ResponseCondition))) }, { any: conditions });
    return new ResponseCondition({ any: listed('any', conditions) }, deepest(conditions));
  }

  /** Those that do not fit a condition. */
  static not(condition: ResponseCondition): ResponseCondition {
    checkProps({ not: needed(instance(() => ResponseCondition)) }, { not: condition });
    return new ResponseCondition({ not: condition._fields }, deepest([condition]));
  }

  /** As the object has it. @internal */
  readonly _fields: ResponseFields;
  /** How many conditions stand in one another. @internal */
  readonly _depth: number;

  private constructor(fields: ResponseFields, within = 0) {
    this._fields = fields;
    this._depth = checkedDepth(within);
  }
}

function listed<Fields>(name: 'all' | 'any', conditions: readonly { readonly _fields: Fields }[]): Fields[] {
  if (conditions.length === 0) refuse(name, '', 'must name a condition');
  return conditions.map(({ _fields }) => _fields);
}

const deepest = (conditions: readonly { readonly _depth: number }[]): number =>
  Math.max(...conditions.map(({ _depth }) => _depth + 1));

function checkedDepth(depth: number): number {
  if (depth > maxDepth) refuse('condition', depth, `must not stand in more than ${maxDepth} others`);
  return depth;
}
