import { headerNameProblem, headerValueProblem } from '../contract/route-filters.ts';
import type { RouteFilter } from '../kinds/route-object.ts';
import { checkProps } from '../props/check-props.ts';
import { listOf, mapOf, needed, text } from '../props/form.ts';
import { check, filled, refuse } from './checks.ts';

/** Names of headers with their values. */
export interface HeaderValues {
  /** Value of a header, by its name. */
  readonly [name: string]: string;
}

/** Headers that are each given a value. Fails for a name or a value that none may have. */
export function headerValues(headers: HeaderValues): { name: string; value: string }[] {
  checkProps({ headers: needed(mapOf(text)) }, { headers });
  headerNames(Object.keys(headers));
  return Object.entries(headers).map(([name, value]) => {
    check(`header ${name}`, value, headerValueProblem(value));
    if (value === '') refuse(`header ${name}`, value, 'must have a value: removeRequestHeaders takes a header away');
    return { name, value };
  });
}

/** Names of headers, each once. Fails for one that none may have. */
export function headerNames(names: string[]): string[] {
  checkProps({ headers: needed(listOf(text)) }, { headers: names });
  if (names.length === 0 || names.length > 16) refuse('headers', names.length, 'must be from 1 to 16');
  for (const name of names) check('header', name, headerNameProblem(name));
  onlyOnce('name', names);
  return names;
}

/** What modifies the headers of requests, or those of responses, in two filters of a rule, as one. */
export function mergedModifiers(a: RouteFilter, b: RouteFilter): RouteFilter {
  const field = a.type === 'RequestHeaderModifier' ? 'requestHeaderModifier' : 'responseHeaderModifier';
  const [first, second] = [a[field] ?? {}, b[field] ?? {}];
  const set = [...(first.set ?? []), ...(second.set ?? [])];
  const add = [...(first.add ?? []), ...(second.add ?? [])];
  for (const [name, list] of Object.entries({ set, add }))
    onlyOnce(
      name,
      list.map((each) => each.name),
    );
  const remove = [...new Set([...(first.remove ?? []), ...(second.remove ?? [])])];
  return { type: a.type, [field]: filled({ set, add, remove }) };
}

function onlyOnce(list: string, names: readonly string[]): void {
  const lower = names.map((name) => name.toLowerCase());
  const twice = lower.find((name, at) => lower.indexOf(name) !== at);
  if (twice !== undefined) refuse('filters', twice, `must not ${list} a header twice`);
}
