import type { FaultInjection } from '../../../lib/kinds/fault-injection.ts';
import { objectKey } from '../../sources/object-key.ts';

export interface IndexedFault {
  readonly object: FaultInjection;
  /** What is wrong with it; undefined when nothing is. */
  readonly problem: string | undefined;
}

/** FaultInjections by `namespace/name`: those that are wrong, too, since rules that name them are to fail. */
export class FaultIndex {
  private readonly faults = new Map<string, IndexedFault>();

  all(): Iterable<IndexedFault> {
    return this.faults.values();
  }

  get(key: string): IndexedFault | undefined {
    return this.faults.get(key);
  }

  set(object: FaultInjection, deleted: boolean, problems: readonly string[]): void {
    const key = objectKey(object);
    if (deleted) this.faults.delete(key);
    else this.faults.set(key, { object, problem: problems.length === 0 ? undefined : problems.join('; ') });
  }
}
