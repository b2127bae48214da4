import { expect, test } from 'vitest';
import type { Service } from '../../lib/kinds/service.ts';
import { type HandlerFailure, ObjectStore } from './object-store.ts';

const service = (name: string, port = 80): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { ports: [{ port }] },
});

function storeWithLog(): { store: ObjectStore; failures: HandlerFailure[]; told: string[] } {
  const failures: HandlerFailure[] = [];
  const told: string[] = [];
  return { store: new ObjectStore((failure) => failures.push(failure)), failures, told };
}

test('a handler that throws keeps neither the others nor the store from going on', () => {
  const { store, failures, told } = storeWithLog();
  store.put(service('a'));
  store.watch('Service', () => {
    throw new Error('broken');
  });
  store.watch('Service', ({ type, object }) => void told.push(`${type} ${object.metadata.name}`));
  store.put(service('b'));
  store.delete(service('a'));
  expect(told).toEqual(['added a', 'added b', 'deleted a']);
  expect(failures.map(({ kind, name, error }) => `${kind} ${name} ${error.message}`)).toEqual([
    'Service shop/a broken',
    'Service shop/b broken',
    'Service shop/a broken',
  ]);
});

test('what a list does not name is deleted, and nobody is told of what is as it was', () => {
  const { store, told } = storeWithLog();
  store.watch('Service', ({ type, object }) => void told.push(`${type} ${object.metadata.name}`));
  for (const name of ['a', 'b', 'c']) store.put(service(name));
  told.length = 0;
  store.put(service('a'));
  store.put(service('b', 81));
  store.retain('Service', new Set(['shop/a', 'shop/b']));
  expect(told).toEqual(['modified b', 'deleted c']);
  expect(store.size('Service')).toBe(2);
});
