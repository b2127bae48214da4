import { afterEach, expect, it } from 'vitest';
import { ObjectsInMemory } from '../certificates/testing.ts';
import { ApiError } from '../kubernetes/api.ts';
import { ObjectStore } from '../sources/object-store.ts';
import { Unavailable } from '../webhook/webhook-server.ts';
import { Namespaces } from './namespaces.ts';

const namespace = (annotations: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', annotations },
});
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function watched() {
  const store = new ObjectStore(({ error }) => expect.unreachable(error.message));
  const api = new ObjectsInMemory();
  const namespaces = new Namespaces(store, api);
  ends.push(() => namespaces.close());
  return { store, api, namespaces };
}

it('annotations are those of the watch, without a call', async () => {
  const { store, api, namespaces } = watched();
  store.put(namespace({ a: '1' }));
  expect(await namespaces.get('shop')).toMatchObject({ name: 'shop', annotations: { a: '1' } });
  store.put(namespace({ a: '2' }));
  expect(await namespaces.get('shop')).toMatchObject({ annotations: { a: '2' } });
  expect(api.calls).toEqual([]);
});

it('a namespace that the watch has not told of is asked for', async () => {
  const { store, api, namespaces } = watched();
  api.objects.set('/api/v1/namespaces/shop', namespace({ a: '3' }));
  expect(await namespaces.get('shop')).toMatchObject({ annotations: { a: '3' } });
  store.put(namespace({ a: '1' }));
  store.delete(namespace({}));
  expect(await namespaces.get('shop')).toMatchObject({ annotations: { a: '3' } });
});

it('one that is not there has no annotations; one that cannot be read leaves the pod undecided', async () => {
  const { api, namespaces } = watched();
  expect(await namespaces.get('shop')).toEqual({ name: 'shop' });
  api.before = () => {
    throw new ApiError(0, '', 'connection refused');
  };
  await expect(namespaces.get('shop')).rejects.toThrow(
    new Unavailable('namespace shop cannot be read: connection refused'),
  );
});
