import { App } from 'cdk8s';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../cli/testing/run.ts';
import { Emojivoto } from '../../examples/emojivoto/emojivoto-chart.ts';
import { synthMesh } from '../../synth/mesh.ts';
import { describeOnCluster, describeOnOwnCluster } from './cluster.ts';
import { gatewayApi } from './gateway-api.ts';
import type { Kubectl } from './kubectl.ts';
import { meshNamespace, meshReady } from './mesh.ts';
import { namespace } from './pods.ts';

describeOnCluster('the API server takes, in a dry run, all that synth makes', ({ kubectl, ensureMesh }) => {
  // Objects can be tried out only in a namespace that is there, and only of kinds that are.
  beforeAll(async () => {
    // That of another file may still be ending.
    await Promise.all([ensureMesh(), kubectl.run(['delete', 'namespace', 'emojivoto', '--ignore-not-found'])]);
    await kubectl.apply([namespace('emojivoto')]);
  });
  afterAll(() => kubectl.run(['delete', 'namespace', 'emojivoto', '--ignore-not-found', '--wait=false']));

  it.each([
    ['the mesh', synthMesh()],
    ['the mesh with high availability', synthMesh({ highAvailability: true })],
    ['the mesh with NetworkPolicies', synthMesh({ networkPolicies: true })],
    ['emojivoto', new Emojivoto(new App(), 'emojivoto').toJson()],
  ])('%s', async (_, objects: object[]) => {
    const answers = (await kubectl.apply(objects, ['--dry-run=server'])).trim().split('\n');
    expect(answers).toHaveLength(objects.length);
    for (const answer of answers) expect(answer).toMatch(/ \(server dry run\)$/);
  });
});

describeOnOwnCluster('the command line', ({ kubectl, kubeconfig }) => {
  const tulle = async (...args: string[]): Promise<string> => (await run([...args, '--kubeconfig', kubeconfig])).out;
  let before: Set<string>;

  beforeAll(async () => {
    await uninstall();
    if ('folder' in gatewayApi) await kubectl.run(['apply', '--server-side', '--filename', gatewayApi.folder]);
    before = await allObjects(kubectl);
  });

  afterAll(async () => {
    if ('folder' in gatewayApi) await kubectl.run(['delete', '--ignore-not-found', '--filename', gatewayApi.folder]);
  });

  it('finds before an install that the cluster can have the mesh', async () => {
    expect(checks(await tulle('check', '--pre', '--wait', '30s'))).toEqual([]);
  });

  it('installs a mesh whose pods get ready, and whose check is all well', async () => {
    await kubectl.apply(await tulle('install'));
    await meshReady(kubectl);
    expect(checks(await tulle('check', '--wait', '1m'))).toEqual([]);
  });

  it('does not install a second time unasked', async () => {
    await expect(tulle('install')).rejects.toMatchObject({ error: { message: expect.stringContaining('already') } });
  });

  it.each(['upgrade', 'install --ignore-cluster'])('changes nothing by %s', async (command) => {
    const pods = await podsOfMesh();
    const answers = (await kubectl.apply(await tulle(...command.split(' ')))).trim().split('\n');
    expect(answers.filter((answer) => !answer.endsWith(' unchanged'))).toEqual([]);
    await meshReady(kubectl);
    expect(await podsOfMesh()).toEqual(pods);
    expect(checks(await tulle('check', '--wait', '30s'))).toEqual([]);
  });

  it('uninstalls it, and nothing is left', async () => {
    await kubectl.delete(await tulle('uninstall'));
    await vi.waitFor(
      async () => expect([...(await allObjects(kubectl))].filter((object) => !before.has(object))).toEqual([]),
      { timeout: 60_000, interval: 2000 },
    );
  });

  const podsOfMesh = async () => {
    const { items } = await kubectl.get<{ items: { metadata: { uid: string }; status: PodStatus }[] }>([
      ...['pods', '--namespace', meshNamespace],
    ]);
    return items.map(({ metadata, status }) => ({
      uid: metadata.uid,
      restarts: status.containerStatuses.map(({ restartCount }) => restartCount),
    }));
  };

  /** Other files' meshed pods may still be ending. */
  async function uninstall(): Promise<void> {
    if ((await kubectl.run(['get', 'namespace', meshNamespace, '--ignore-not-found'])) === '') return;
    await vi.waitFor(async () => kubectl.delete(await tulle('uninstall')), { timeout: 90_000, interval: 2000 });
  }
});

interface PodStatus {
  readonly containerStatuses: readonly { readonly restartCount: number }[];
}

/** Checks that are not all well; the Gateway API, which the mesh can do without, counts where there is one to install. */
const checks = (out: string): string[] =>
  out
    .split('\n')
    .filter((line) => /^[×‼]/.test(line))
    .filter((line) => 'folder' in gatewayApi || line !== '‼ Gateway API CRDs are installed');

/** Every object of the cluster but events, as `kind namespace/name`. */
async function allObjects(kubectl: Kubectl): Promise<Set<string>> {
  const kinds = (await kubectl.run(['api-resources', '--verbs=list', '--output=name'])).trim().split('\n');
  const listed = kinds.filter((kind) => !/^events(\.|$)/.test(kind)).join();
  const { items } = await kubectl.get<{ items: { kind: string; metadata: { namespace?: string; name: string } }[] }>([
    ...[listed, '--all-namespaces'],
  ]);
  return new Set(items.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`));
}
