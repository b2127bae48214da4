import type { Backend } from '../../api/gen/outbound_pb.js';
import { BadFilter } from './filter.ts';
import { type ApiFilter, ratioFromApi } from './from-api.ts';
import type { Ratio } from './ratio.ts';

/** What a mirror filter says: where copies of requests go, and of which share. */
export interface MirrorSpec {
  readonly backend: Backend;
  /** Undefined for all of them. */
  readonly ratio: Ratio | undefined;
}

/**
 * The mirrors among the filters of a rule or backend. One that cannot hold is left out, and `onUnread` is told why:
 * whatever becomes of copies, requests go on.
 */
export function mirrorsFromApi(filters: readonly ApiFilter[], onUnread: (why: string) => void): MirrorSpec[] {
  return filters.flatMap(({ kind }) => {
    if (kind.case !== 'requestMirror') return [];
    const { backend, ratio } = kind.value;
    try {
      if (backend === undefined) throw new BadFilter('a mirror without a backend');
      return [{ backend, ratio: ratioFromApi(ratio) }];
    } catch (error) {
      if (!(error instanceof BadFilter)) throw error;
      onUnread(error.message);
      return [];
    }
  });
}
