import pino, { type DestinationStream, type Logger } from 'pino';

/** Of one text, in characters: names of objects, identities and causes may be what a tenant or a peer made up. */
const maxTextLength = 4096;
const maxItems = 100;

/** The log of a component, JSON lines on stdout. Pino escapes what it writes; that texts have a bound is seen to here. */
export function componentLog(name: string, level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      name: `tulle-${name}`,
      base: undefined,
      level,
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map(bounded) as typeof args);
        },
      },
    },
    destination ?? pino.destination(1),
  );
}

function bounded(value: unknown): unknown {
  if (typeof value === 'string') return value.length > maxTextLength ? `${value.slice(0, maxTextLength)}...` : value;
  if (Array.isArray(value)) return value.slice(0, maxItems).map(bounded);
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bounded(item)]));
}
