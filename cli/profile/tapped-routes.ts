import type { TapEvent } from '../../api/gen/tap_pb.js';
import { TapEvent_ProxyDirection } from '../../api/gen/tap_pb.js';
import { patternProblem } from '../../lib/contract/pattern.ts';
import type { ProfileRoute } from '../../lib/kinds/service-profile.ts';
import { quoted } from '../../lib/profile/path-regex.ts';
import { methodText } from '../tap/render.ts';

/** A name of a route is a label of metrics: longer ones help nobody. */
const maxPathLength = 512;

/** The routes of the requests that a tap tells of: one for each method and path. */
export class TappedRoutes {
  private readonly limit: number;
  private readonly found = new Map<string, ProfileRoute>();
  /** Requests of routes that came after the limit, or whose paths cannot be a pattern. */
  leftOut = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** What came in to those that are tapped; what they call has its own profiles. */
  add(event: TapEvent): void {
    const part = event.event.case === 'http' ? event.event.value.event : undefined;
    if (part?.case !== 'requestInit' || event.proxyDirection === TapEvent_ProxyDirection.OUTBOUND) return;
    const [path] = part.value.path.split('?', 1);
    const method = methodText(part.value.method);
    const name = `${method} ${path}`;
    if (this.found.has(name)) return;
    const pathRegex = quoted(path);
    if (this.isFull || path.length > maxPathLength || patternProblem(pathRegex) !== undefined) {
      this.leftOut++;
      return;
    }
    this.found.set(name, { name, condition: { method, pathRegex } });
  }

  get isFull(): boolean {
    return this.found.size >= this.limit;
  }

  /** In the order of their paths. */
  routes(): ProfileRoute[] {
    const path = ({ condition }: ProfileRoute): string => `${condition.pathRegex} ${condition.method}`;
    return [...this.found.values()].sort((a, b) => (path(a) < path(b) ? -1 : 1));
  }
}
