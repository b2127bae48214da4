import { describe, expect, it, vi } from 'vitest';
import { ObjectsInMemory } from '../certificates/testing.ts';
import { ApiError } from '../kubernetes/api.ts';
import { Owners } from './owners.ts';

const reference = (apiVersion: string, kind: string, name: string, uid = `uid-of-${name}`) => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
});
const replicaSet = reference('apps/v1', 'ReplicaSet', 'web-7d9c');
const deployment = reference('apps/v1', 'Deployment', 'web');
const pod = (owner: ReturnType<typeof reference>, hash?: string) => ({
  metadata: { ownerReferences: [owner], ...(hash ? { labels: { 'pod-template-hash': hash } } : {}) },
});

function cluster() {
  const api = new ObjectsInMemory();
  const put = (path: string, name: string, owner?: ReturnType<typeof reference>) =>
    api.objects.set(`${path}/${name}`, { metadata: { name, ...(owner ? { ownerReferences: [owner] } : {}) } } as never);
  put('/apis/apps/v1/namespaces/shop/replicasets', 'web-7d9c', deployment);
  put('/apis/apps/v1/namespaces/shop/replicasets', 'alone');
  put('/apis/batch/v1/namespaces/shop/jobs', 'report-28', reference('batch/v1', 'CronJob', 'report'));
  const problems: string[] = [];
  const owners = new Owners({ api, capacity: 2, timeoutMs: 30, onProblem: (problem) => problems.push(problem) });
  return { api, owners, problems };
}

describe('the owner of a pod', () => {
  it.each([
    ['Deployment of its ReplicaSet', replicaSet, { kind: 'Deployment', name: 'web', uid: 'uid-of-web' }],
    ['CronJob of its Job', reference('batch/v1', 'Job', 'report-28'), { kind: 'CronJob', name: 'report' }],
    [
      'ReplicaSet that nothing owns',
      reference('apps/v1', 'ReplicaSet', 'alone'),
      { kind: 'ReplicaSet', name: 'alone' },
    ],
    ['StatefulSet itself', reference('apps/v1', 'StatefulSet', 'db'), { kind: 'StatefulSet', name: 'db' }],
    [
      'object of a kind of somebody else',
      reference('x.dev/v1', 'ReplicaSet', 'r'),
      { apiVersion: 'x.dev/v1', name: 'r' },
    ],
  ])('is the %s', async (_, owner, root) => {
    const { owners, problems } = cluster();
    expect(await owners.rootOf(pod(owner), 'shop')).toMatchObject(root);
    expect(problems).toEqual([]);
  });

  it('is nobody, for a pod that somebody made by hand', async () => {
    expect(await cluster().owners.rootOf({}, 'shop')).toBeUndefined();
  });

  it('is asked for once, however many pods come together', async () => {
    const { api, owners } = cluster();
    await Promise.all([1, 2, 3].map(() => owners.rootOf(pod(replicaSet), 'shop')));
    await owners.rootOf(pod(replicaSet), 'shop');
    expect(api.calls).toEqual(['GET /apis/apps/v1/namespaces/shop/replicasets/web-7d9c']);
  });

  it('is asked for by a path that names cannot lead elsewhere', async () => {
    const { api, owners } = cluster();
    await owners.rootOf(pod(reference('apps/v1', 'ReplicaSet', '../../x')), 'shop/secrets?a');
    expect(api.calls).toEqual(['GET /apis/apps/v1/namespaces/shop%2Fsecrets%3Fa/replicasets/..%2F..%2Fx']);
  });

  it('is forgotten when too many are known', async () => {
    const { api, owners } = cluster();
    const alone = (uid: string) => pod(reference('apps/v1', 'ReplicaSet', 'alone', uid));
    for (const uid of ['a', 'b', 'c', 'c', 'a']) await owners.rootOf(alone(uid), 'shop');
    expect(api.calls).toHaveLength(4);
  });

  it('is told from name and hash when the API server cannot say, and asked for again the next time', async () => {
    const { api, owners, problems } = cluster();
    api.before = () => {
      throw new ApiError(503, 'ServiceUnavailable', 'starting');
    };
    expect(await owners.rootOf(pod(replicaSet, '7d9c'), 'shop')).toMatchObject({ kind: 'Deployment', name: 'web' });
    expect(await owners.rootOf(pod(replicaSet), 'shop')).toMatchObject({ kind: 'ReplicaSet', name: 'web-7d9c' });
    expect(problems[0]).toBe('owner of ReplicaSet shop/web-7d9c not found: starting');
    api.before = () => {};
    expect(await owners.rootOf(pod(replicaSet), 'shop')).toMatchObject({ kind: 'Deployment', name: 'web' });
  });

  it('does not hold up the pod when the API server is slow', async () => {
    const get = vi.fn(() => new Promise<never>(() => {}));
    const owners = new Owners({ api: { get }, timeoutMs: 20, onProblem: () => {} });
    const found = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        owners.rootOf(pod(reference('apps/v1', 'ReplicaSet', `web-${index}-7d9c`), '7d9c'), 'shop'),
      ),
    );
    expect(found[99]).toMatchObject({ kind: 'Deployment', name: 'web-99' });
    // As many as may be under way.
    expect(get).toHaveBeenCalledTimes(64);
  });
});
