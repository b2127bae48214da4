import type { JsonPatchOperation } from '../json-patch.ts';

/** Applies a patch as RFC 6902 section 4 says, for tests. Throws where an operation has no target. */
export function applyJsonPatch(document: unknown, operations: readonly JsonPatchOperation[]): unknown {
  const root = { value: structuredClone(document) };
  for (const operation of operations) {
    const keys = operation.path.split('/').slice(1);
    const path = keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = path.pop();
    let place: unknown = root.value;
    for (const key of path) {
      if (!Object.hasOwn(Object(place), key)) throw new Error(`${operation.path} leads nowhere`);
      place = (place as Record<string, unknown>)[key];
    }
    const value = operation.op === 'remove' ? undefined : structuredClone(operation.value);
    if (last === undefined) {
      if (operation.op !== 'replace') throw new Error('the whole document can only be replaced');
      root.value = value;
    } else if (Array.isArray(place)) {
      const index = Number(last);
      const limit = operation.op === 'add' ? place.length : place.length - 1;
      if (!/^\d+$/.test(last) || index > limit) throw new Error(`${operation.path} is beyond its list`);
      if (operation.op === 'add') place.splice(index, 0, value);
      else if (operation.op === 'remove') place.splice(index, 1);
      else place[index] = value;
    } else {
      if (typeof place !== 'object' || place === null) throw new Error(`${operation.path} leads into a value`);
      const object = place as Record<string, unknown>;
      if (operation.op !== 'add' && !Object.hasOwn(object, last)) throw new Error(`${operation.path} is not there`);
      if (operation.op === 'remove') delete object[last];
      else object[last] = value;
    }
  }
  return root.value;
}
