import type { RouteFilter } from '../kinds/route-object.ts';
import { refuse } from './checks.ts';
import type { Filter } from './filter.ts';
import { mergedModifiers } from './header-modifier.ts';

/** Filters as a rule has them: what modifies headers is one filter for requests, and one for responses. */
export function renderFilters(
  filters: readonly Filter[],
  route: { readonly protocol: 'http' | 'grpc'; readonly namespace: string },
  hasPrefixes: boolean,
): RouteFilter[] {
  const rendered: RouteFilter[] = [];
  for (const filter of filters) {
    const next = filter._render(route, hasPrefixes);
    const at = rendered.findIndex(({ type }) => type === next.type);
    if (at >= 0 && next.type.endsWith('HeaderModifier')) rendered[at] = mergedModifiers(rendered[at], next);
    else if (at >= 0 && next.type !== 'RequestMirror' && next.type !== 'ExtensionRef') {
      refuse('filters', next.type, 'must not stand twice in a rule');
    } else rendered.push(next);
  }
  const types = rendered.map(({ type }) => type);
  if (types.includes('RequestRedirect') && types.includes('URLRewrite')) {
    refuse(
      'filters',
      'RequestRedirect',
      'must not stand beside a rewrite: clients that are sent elsewhere reach nobody',
    );
  }
  if (rendered.length > 16) refuse('filters', rendered.length, 'must not be more than 16 for one rule');
  return rendered;
}
