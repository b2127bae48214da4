import { Field, fieldValue } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { TokenPlace, TokenSpot } from './token-policy.ts';

export interface FoundToken {
  readonly token: string;
  readonly place: TokenPlace;
}

/**
 * The token of a request: undefined where none of the places has any, `several` where they have different ones, of which
 * the application might take another than was checked.
 */
export function findToken(places: readonly TokenPlace[], head: RequestHead): FoundToken | 'several' | undefined {
  let found: FoundToken | undefined;
  for (let i = 0; i < places.length; i++) {
    const place = places[i];
    const { spot } = place;
    if (spot.kind === 'header') {
      const { fields } = head;
      for (let j = 0; j < fields.length; j++) {
        const token = fields[j].name === spot.name ? behind(spot.prefix, fields[j].value) : undefined;
        if (token === undefined) continue;
        if (found !== undefined && found.token !== token) return 'several';
        found ??= { token, place };
      }
      continue;
    }
    for (const token of spot.kind === 'param' ? paramsOf(head, spot.name) : cookiesOf(head, spot.name)) {
      if (found !== undefined && found.token !== token) return 'several';
      found ??= { token, place };
    }
  }
  return found;
}

/** What stands behind a prefix, which is compared without regard to case (RFC 9110 section 11.1); undefined without it. */
function behind(prefix: string, value: string): string | undefined {
  if (prefix === '') return value;
  const word = prefix.trimEnd();
  if (value.length < word.length || value.slice(0, word.length).toLowerCase() !== word.toLowerCase()) return undefined;
  const rest = value.slice(word.length);
  // `Bearer` alone is an empty token; `Bearerx` is another scheme.
  if (word !== prefix && rest !== '' && rest[0] !== ' ' && rest[0] !== '\t') return undefined;
  return rest.trim();
}

const queryOf = ({ path }: RequestHead): string => {
  const mark = path.indexOf('?');
  return mark < 0 ? '' : path.slice(mark + 1);
};

const paramsOf = (head: RequestHead, name: string): string[] => new URLSearchParams(queryOf(head)).getAll(name);

function cookiesOf({ fields }: RequestHead, name: string): string[] {
  if (fieldValue(fields, 'cookie') === undefined) return [];
  return fields
    .filter((field) => field.name === 'cookie')
    .flatMap(({ value }) => value.split(';'))
    .filter((pair) => isNamed(pair, name))
    .map((pair) =>
      pair
        .slice(pair.indexOf('=') + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1'),
    );
}

const isNamed = (pair: string, name: string): boolean => pair.slice(0, pair.indexOf('=')).trim() === name;

/** The head without the tokens that stand in `spots`. */
export function withoutTokensAt(spots: readonly TokenSpot[], head: RequestHead): RequestHead {
  let left = head;
  for (const spot of spots) left = withoutTokenAt(spot, left);
  return left;
}

function withoutTokenAt(spot: TokenSpot, head: RequestHead): RequestHead {
  const { fields } = head;
  switch (spot.kind) {
    case 'header':
      return withFields(
        head,
        fields.filter(({ name, value }) => name !== spot.name || behind(spot.prefix, value) === undefined),
      );
    case 'param': {
      const query = queryOf(head);
      const left = query.split('&').filter((pair) => !new URLSearchParams(pair).has(spot.name));
      const path = head.path.slice(0, head.path.length - query.length - (query === '' ? 0 : 1));
      return { ...head, path: left.length === 0 || query === '' ? path : `${path}?${left.join('&')}` };
    }
    case 'cookie': {
      const without = fields.flatMap((field) => {
        if (field.name !== 'cookie') return [field];
        const left = field.value.split(';').filter((pair) => !isNamed(pair, spot.name));
        return left.length === 0 ? [] : [new Field('cookie', left.join(';').trim(), true)];
      });
      return withFields(head, without);
    }
  }
}
