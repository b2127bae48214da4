import { patternProblem } from '../contract/pattern.ts';
import { DescriptionError } from './description-error.ts';

/** A text as the pattern that it alone fits; what Go's `regexp.QuoteMeta` escapes is escaped. */
export const quoted = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');

/**
 * The pattern of the paths of a template such as `/items/{id}`, as `linkerd profile` writes it: a parameter is anything within
 * a segment. Throws a DescriptionError for what proxies cannot match by.
 */
export function pathRegex(template: string): string {
  const regex = template
    .split(/(\{[^{}]*\})/)
    .map((part, index) => (index % 2 === 1 ? '[^/]*' : quoted(part)))
    .join('');
  const problem = patternProblem(regex);
  if (problem !== undefined) {
    throw new DescriptionError(`the path ${template} cannot be told to proxies, for ${problem}: leave it out`);
  }
  return regex;
}

/** Sorts templates such that of two that fit one path the more specific one comes first: routes are looked at in order. */
export function bySpecificity(one: string, other: string): number {
  const [a, b] = [one, other].map(sortKey);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Parameters behind all other characters, and a segment that has one behind those that go on. */
const sortKey = (template: string): string =>
  template
    .split('/')
    .map((segment) => (segment.includes('{') ? `${segment.replace(/\{[^{}]*\}/g, '\uffff')}\uffff` : segment))
    .join('/');
