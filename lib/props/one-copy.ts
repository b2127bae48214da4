import type { IConstruct } from 'constructs';
import { meshVersion } from '../contract/version.ts';

/** What a copy of this package writes on the root of each tree that it makes something in. Known to all copies. */
const mark = Symbol.for('dev.tulle.copy');
const own = { version: meshVersion };

/**
 * Fails where a tree has constructs of another copy of the package, as node_modules may hold two of it. What one copy
 * remembers of an app, such as which mesh it is for, the other does not know: a workload would be of the wrong mesh in
 * silence.
 */
export function inOneCopy(scope: IConstruct, path: string): void {
  const root = scope.node.root as { [mark]?: typeof own };
  const other = root[mark];
  if (other === undefined) Object.defineProperty(root, mark, { value: own });
  if (other === undefined || other === own) return;
  throw new Error(
    `[${path}] is made by a copy of tulle (${own.version}) beside another one (${other.version}) in the same app, ${advice}`,
  );
}

const advice =
  'and neither knows what the other makes: have one (`npm ls tulle` shows both; packages of a workspace name it as a peer dependency)';

/** Of a value that another copy has made. */
export const ofOtherCopy = `must be made by the same copy of tulle, ${advice}`;
