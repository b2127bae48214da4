import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type RequestMatch,
  RequestMatchSchema,
  type ResponseMatch,
  ResponseMatchSchema,
} from '../../api/gen/destination_pb.js';
import { HttpMethod_Registered, type HttpMethodSchema } from '../../api/gen/http_types_pb.js';
import { patternProblem } from '../../lib/contract/pattern.ts';
import type { RequestCondition, ResponseCondition } from '../../lib/kinds/service-profile.ts';

/** What is wrong with a part of a ServiceProfile: the message names the field. */
export class InvalidProfile extends Error {}

/** Conditions within conditions; deeper ones are refused. */
const maxDepth = 16;

/** Throws InvalidProfile. All that a condition says must hold. */
export function requestMatch(condition: RequestCondition | undefined, where: string, depth = 0): RequestMatch {
  const { all, any, not, method, pathRegex } = checked(condition, where, depth);
  const nested = (conditions: readonly RequestCondition[], name: string) => ({
    matches: conditions.map((each, i) => requestMatch(each, `${where}.${name}[${i}]`, depth + 1)),
  });
  const matches: MessageInitShape<typeof RequestMatchSchema>['match'][] = [];
  if (all !== undefined) matches.push({ case: 'all', value: nested(all, 'all') });
  if (any !== undefined) matches.push({ case: 'any', value: nested(any, 'any') });
  if (method) matches.push({ case: 'method', value: httpMethod(method) });
  if (not !== undefined) matches.push({ case: 'not', value: requestMatch(not, `${where}.not`, depth + 1) });
  if (pathRegex) matches.push({ case: 'path', value: { regex: regex(pathRegex, `${where}.pathRegex`) } });
  if (matches.length === 0) throw new InvalidProfile(`${where} must have one of pathRegex, method, all, any, not`);
  const [first, ...others] = matches.map((match) => create(RequestMatchSchema, { match }));
  return others.length === 0
    ? first
    : create(RequestMatchSchema, { match: { case: 'all', value: { matches: [first, ...others] } } });
}

/** Throws InvalidProfile. All that a condition says must hold. */
export function responseMatch(condition: ResponseCondition | undefined, where: string, depth = 0): ResponseMatch {
  const { all, any, not, status } = checked(condition, where, depth);
  const nested = (conditions: readonly ResponseCondition[], name: string) => ({
    matches: conditions.map((each, i) => responseMatch(each, `${where}.${name}[${i}]`, depth + 1)),
  });
  const matches: MessageInitShape<typeof ResponseMatchSchema>['match'][] = [];
  if (all !== undefined) matches.push({ case: 'all', value: nested(all, 'all') });
  if (any !== undefined) matches.push({ case: 'any', value: nested(any, 'any') });
  if (status !== undefined) matches.push({ case: 'status', value: statusRange(status, `${where}.status`) });
  if (not !== undefined) matches.push({ case: 'not', value: responseMatch(not, `${where}.not`, depth + 1) });
  if (matches.length === 0) throw new InvalidProfile(`${where} must have one of status, all, any, not`);
  const [first, ...others] = matches.map((match) => create(ResponseMatchSchema, { match }));
  return others.length === 0
    ? first
    : create(ResponseMatchSchema, { match: { case: 'all', value: { matches: [first, ...others] } } });
}

function checked<Condition extends object>(condition: Condition | undefined, where: string, depth: number): Condition {
  if (typeof condition !== 'object' || condition === null) throw new InvalidProfile(`${where} must be set`);
  if (depth > maxDepth) throw new InvalidProfile(`${where} stands in more than ${maxDepth} other conditions`);
  return condition;
}

function httpMethod(method: string): MessageInitShape<typeof HttpMethodSchema> {
  const name = method.toUpperCase();
  const registered = HttpMethod_Registered[name as keyof typeof HttpMethod_Registered];
  return {
    type:
      typeof registered === 'number'
        ? { case: 'registered', value: registered }
        : { case: 'unregistered', value: name },
  };
}

function regex(pattern: string, where: string): string {
  const problem = patternProblem(pattern);
  if (problem !== undefined)
    throw new InvalidProfile(`${where} (${pattern}) is no regular expression that proxies match by: ${problem}`);
  return pattern;
}

function statusRange({ min = 0, max = 0 }: NonNullable<ResponseCondition['status']>, where: string) {
  for (const code of [min, max]) {
    if (code !== 0 && !(Number.isInteger(code) && code >= 100 && code <= 599))
      throw new InvalidProfile(`${where} (${min}-${max}) must be of statuses from 100 to 599`);
  }
  if (max !== 0 && min > max) throw new InvalidProfile(`${where} (${min}-${max}) must not end before it begins`);
  return { min, max };
}
