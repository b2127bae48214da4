import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeOnCluster } from './cluster.ts';
import { deployment, meshedNamespace, service } from './pods.ts';
import { podsOf } from './sidecar.ts';

const ns = 'tulle-test-own-service';
const calls = 24;
/** Answers with the pod's name, and takes that many connections at once. */
const serve = [
  'node',
  '--eval',
  "require('node:http').createServer((_, answer) => answer.end(require('node:os').hostname())).listen(8080)",
];

/** Calls `url` a few times at once, each over a connection of its own, and prints status and text of each answer. */
const callCommand = (url: string): string[] => [
  'node',
  '--input-type=module',
  '--eval',
  `import { get } from 'node:http';
   const call = () => new Promise((resolve) => {
     get('${url}', { agent: false, timeout: 10_000 }, async (response) => {
       resolve(response.statusCode + ' ' + (await response.toArray()).join('').trim());
     }).on('timeout', function () { this.destroy(new Error('no answer in 10 s')); })
       .on('error', (error) => resolve(error.message));
   });
   console.log(JSON.stringify(await Promise.all(Array.from({ length: ${calls} }, call))));`,
];

describeOnCluster('a pod that calls the Service that it is an endpoint of', ({ kubectl, ensureMesh }) => {
  beforeAll(async () => {
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    await kubectl.apply([
      meshedNamespace(ns),
      ...(['alone', 'twins'] as const).flatMap((name) => [
        deployment(name, ns, {
          ...{ command: serve, ports: [8080] },
          replicas: name === 'alone' ? 1 : 2,
          restartPolicy: 'Always',
        }),
        service(name, ns, 80, 8080),
      ]),
    ]);
    for (const name of ['alone', 'twins']) await kubectl.rollout(`deployment/${name}`, ns);
  });
  afterAll(() => kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']));

  const answers = async (pod: string, name: string): Promise<string[]> =>
    JSON.parse(await kubectl.podExec(pod, ns, callCommand(`http://${name}/`), name));

  it('is answered by itself, when it is the only one', async () => {
    const [{ metadata }] = await podsOf(kubectl, 'alone', ns);
    expect(await answers(metadata.name, 'alone')).toEqual(Array(calls).fill(`200 ${metadata.name}`));
  });

  it('is answered by each of them, itself as well', async () => {
    const names = (await podsOf(kubectl, 'twins', ns)).map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(2);
    for (const name of names) {
      const seen = new Set<string>();
      // The first calls go where a connection is ready first. One that fails would be seen ever after.
      await vi.waitFor(
        async () => {
          for (const answer of await answers(name, 'twins')) seen.add(answer);
          expect([...seen].sort()).toEqual(names.map((other) => `200 ${other}`).sort());
        },
        { timeout: 30_000, interval: 500 },
      );
    }
  });
});
