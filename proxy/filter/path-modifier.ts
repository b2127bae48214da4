import { hostProblem, pathProblem } from '../../lib/contract/route-filters.ts';
import { pathReadings } from '../route/path-readings.ts';
import { BadFilter } from './filter.ts';

/** What becomes of a path without its query; undefined where it does not begin with what is to be replaced. */
export interface PathModifier {
  /** Of its own. */
  readonly hasQuery: boolean;
  apply(path: string): string | undefined;
}

/** Another path in place of the whole. */
export class FullPath implements PathModifier {
  readonly hasQuery: boolean;
  private readonly path: string;

  /** Throws BadFilter. */
  constructor(path: string) {
    checkPath(path);
    this.path = path;
    this.hasQuery = path.includes('?');
  }

  apply(): string {
    return this.path;
  }
}

/**
 * Another prefix in place of the one that the route matches by. Both are of whole segments, and slashes at their ends
 * say nothing (Gateway API, HTTPPathModifier).
 */
export class PathPrefix implements PathModifier {
  readonly hasQuery = false;
  private readonly prefix: string;
  private readonly replacement: string;

  /** `prefix` is that of the match, undefined where it has none. Throws BadFilter. */
  constructor(prefix: string | undefined, replacement: string) {
    if (prefix === undefined) throw new BadFilter('a prefix is to be replaced where a match has none');
    if (replacement !== '') checkPath(replacement);
    if (replacement.includes('?')) throw new BadFilter(`the prefix ${replacement} has a query`);
    this.prefix = withoutSlashes(prefix);
    this.replacement = withoutSlashes(replacement);
  }

  apply(path: string): string | undefined {
    const { prefix, replacement } = this;
    // The route may have been found for another reading of the path than the one that it came in.
    const read = fits(path, prefix) ? path : pathReadings(path)?.findLast((reading) => fits(reading, prefix));
    if (read === undefined) return undefined;
    const rest = prefix === '' && read === '/' ? '' : read.slice(prefix.length);
    return replacement + rest || '/';
  }
}

const slash = 0x2f;

const fits = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === slash);

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path.charCodeAt(end - 1) === slash) end--;
  return path.slice(0, end);
}

function checkPath(path: string): void {
  const problem = pathProblem(path);
  if (problem !== undefined) throw new BadFilter(`the path ${JSON.stringify(path.slice(0, 100))} ${problem}`);
}

/** Throws BadFilter. */
export function checkHost(host: string): void {
  const problem = hostProblem(host);
  if (problem !== undefined) throw new BadFilter(`the host ${JSON.stringify(host.slice(0, 100))} ${problem}`);
}

/** A path and its query, with the question mark; that is empty without one. */
export function splitQuery(path: string): readonly [path: string, query: string] {
  const at = path.indexOf('?');
  return at < 0 ? [path, ''] : [path.slice(0, at), path.slice(at)];
}
