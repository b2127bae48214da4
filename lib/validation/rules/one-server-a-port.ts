import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, nameOf } from '../manifest-model.ts';
import { servedWorkloads, serversOfPort } from '../server-places.ts';

/** Of two Servers of one port the oldest holds, and the other does nothing. */
export const oneServerAPort: Rule = {
  id: 'two-servers',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const told = new Set<string>();
    for (const served of servedWorkloads(model)) {
      for (const port of served.workload.ports) {
        const [first, ...others] = serversOfPort(served, port);
        for (const other of others) {
          const pair = `${other.namespace}/${first.name}/${other.name}`;
          if (told.has(pair)) continue;
          told.add(pair);
          yield {
            ...{ severity: 'error' as const, at: other.entry, field: 'spec.port' },
            message: `is that of ${nameOf(first.entry.manifest)}, too: port ${port.number} of ${nameOf(served.entry.manifest)} has two Servers, of which the oldest holds alone`,
            fix: 'keep one of them, and say to a workload or by objects who may call, not both',
          };
        }
      }
    }
  },
};
