import { pathProblem } from '../contract/route-filters.ts';
import type { PathModifier } from '../kinds/route-object.ts';
import { checkProps } from '../props/check-props.ts';
import { needed, text } from '../props/form.ts';
import { check, refuse } from './checks.ts';

/** What becomes of the path of a request that is redirected or rewritten; its query stays. */
export class PathRewrite {
  /** Another path in place of the whole. */
  static full(path: string): PathRewrite {
    checkProps({ path: needed(text) }, { path });
    check('path', path, pathProblem(path));
    if (path.includes('?')) refuse('path', path, 'must have no query: that of the request stays');
    return new PathRewrite({ type: 'ReplaceFullPath', replaceFullPath: path });
  }

  /** Another prefix in place of the one that the rule matches by `Match.pathPrefix`: `/` takes it away. */
  static prefix(path: string): PathRewrite {
    checkProps({ prefix: needed(text) }, { prefix: path });
    check('prefix', path, pathProblem(path));
    if (path.includes('?')) refuse('prefix', path, 'must have no query: that of the request stays');
    return new PathRewrite({ type: 'ReplacePrefixMatch', replacePrefixMatch: path });
  }

  /** @internal */
  readonly _modifier: PathModifier;

  private constructor(modifier: PathModifier) {
    this._modifier = modifier;
  }

  /** @internal */
  get _isPrefix(): boolean {
    return this._modifier.replacePrefixMatch !== undefined;
  }
}
