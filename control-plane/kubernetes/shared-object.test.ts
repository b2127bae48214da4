import { expect, it } from 'vitest';
import { ObjectsInMemory } from '../certificates/testing.ts';
import { ApiError } from './api.ts';
import { getIfThere, retryConflicts } from './shared-object.ts';

const conflict = new ApiError(409, 'Conflict', 'has changed');
const title = 'Secret tulle/hook-tls';

it('an object that is not there is none; one that cannot be read is an error', async () => {
  const api = new ObjectsInMemory();
  api.objects.set('/api/v1/namespaces/shop', { metadata: { name: 'shop' } });
  expect(await getIfThere(api, '/api/v1/namespaces/shop')).toEqual({ metadata: { name: 'shop' } });
  expect(await getIfThere(api, '/api/v1/namespaces/other')).toBeUndefined();
  const refused = new ApiError(0, '', 'connection refused');
  api.before = () => {
    throw refused;
  };
  await expect(getIfThere(api, '/api/v1/namespaces/shop')).rejects.toBe(refused);
});

it('what meets a conflict is attempted again', async () => {
  let conflicts = 4;
  const result = await retryConflicts(title, async () => {
    if (conflicts-- > 0) throw conflict;
    return 'written';
  });
  expect(result).toBe('written');
});

it('conflicts without end are told with the object that they are about, and the last of them', async () => {
  let attempts = 0;
  const written = retryConflicts(title, async () => {
    attempts++;
    throw conflict;
  });
  await expect(written).rejects.toMatchObject({
    message: 'Secret tulle/hook-tls was changed by others 5 times while it was to be written',
    cause: conflict,
  });
  expect(attempts).toBe(5);
});

it('any other error is passed on at once', async () => {
  const forbidden = new ApiError(403, 'Forbidden', 'not allowed');
  let attempts = 0;
  const written = retryConflicts(title, async () => {
    attempts++;
    throw forbidden;
  });
  await expect(written).rejects.toBe(forbidden);
  expect(attempts).toBe(1);
});
