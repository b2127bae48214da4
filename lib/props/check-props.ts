import type { IConstruct } from 'constructs';
import { isObject, isPlain, type Misfit, misfitIn, type Shape } from './form.ts';
import { inOneCopy } from './one-copy.ts';

/** Where the props of a construct are given. */
export interface Place {
  readonly scope: IConstruct;
  readonly id: string;
}

/**
 * Fails for the first prop that is not what it may be, before anything is made of them: with the construct's path, the name
 * and value of the prop, and what it must be. Types say the same, to those who have them. Without a place: of options, or of
 * the arguments of what makes a value.
 */
export function checkProps<Props extends object>(shape: Shape<Props>, props: Props, place?: Place): void {
  const names = Object.keys(shape).join(', ');
  const misfit = isPlain(props)
    ? misfitIn(shape, props)
    : { name: place === undefined ? 'options' : 'props', value: props, rule: `must be an object of ${names}` };
  if (place?.scope?.node !== undefined) inOneCopy(place.scope, pathOf(place));
  if (misfit !== undefined) throw new Error(`${place === undefined ? '' : `[${pathOf(place)}] `}${told(misfit)}`);
}

/** Whoever has no scope is told so by the construct itself. */
const pathOf = ({ scope, id }: Place): string =>
  [(scope as IConstruct | undefined)?.node?.path, id].filter(Boolean).join('/');

const told = ({ name, value, rule }: Misfit): string => `'${name}' (${shown(value)}) ${rule}`;

/** Most characters of a value that an error shows. */
const mostShown = 80;

/** Values may be anything, also what refers to itself. */
function shown(value: unknown): string {
  const path = isObject(value) ? (value as Partial<IConstruct>).node?.path : undefined;
  const text = path ?? (typeof value === 'object' ? written(value) : String(value));
  return text.length > mostShown ? `${text.slice(0, mostShown)}…` : text;
}

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'an object';
  } catch {
    return 'an object';
  }
}
