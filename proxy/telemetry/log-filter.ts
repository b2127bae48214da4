/** Levels from the most to the least talkative, as `LINKERD2_PROXY_LOG` names them. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'off'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Names of targets that are this proxy. */
const ownTargets: ReadonlySet<string> = new Set(['', 'linkerd', 'tulle']);

/**
 * The threshold that a filter sets for this proxy, as an index of `logLevels`. Filters are those of Linkerd's proxy: a
 * level, then `target=level` and `[span]=level` directives, of which `linkerd=` and `tulle=` are ours. Levels are
 * written in either case, and an empty directive is none. Throws an error that names the directive which is none.
 */
export function logThreshold(filter: string): number {
  let threshold: number = logLevels.indexOf('warn');
  for (const text of filter.split(',')) {
    const directive = text.trim();
    if (directive === '') continue;
    const equals = directive.lastIndexOf('=');
    const level = (logLevels as readonly string[]).indexOf(
      directive
        .slice(equals + 1)
        .trim()
        .toLowerCase(),
    );
    if (level < 0)
      throw new Error(`'${directive}' is no log directive: write a level (${logLevels.join(', ')}) or target=level`);
    if (ownTargets.has(directive.slice(0, Math.max(0, equals)).trim())) threshold = level;
  }
  return threshold;
}
