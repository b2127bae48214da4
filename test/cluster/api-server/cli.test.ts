import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { listAll } from '../../../cli/cluster/objects.ts';
import { type CommandRun, run } from '../../../cli/testing/run.ts';
import { meshKinds } from '../../../lib/kinds/index.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { testCertificate } from './certificates.ts';
import { listOf, pretendHealthyMesh, tlsSecret } from './healthy-mesh.ts';

const suite = `the command line on a cluster${apiServerMissing ? ` (${apiServerMissing})` : ''}`;

describe.skipIf(apiServerMissing)(suite, () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer();
  }, 120_000);
  afterAll(() => server?.stop());

  const tulle = (...args: string[]): Promise<CommandRun> => run([...args, '--kubeconfig', server.kubeconfig]);
  const failure = async (...args: string[]): Promise<CommandRun> => {
    const failed = await tulle(...args).catch((failed) => failed);
    expect(failed.error, `${args.join(' ')} should fail`).toBeInstanceOf(Error);
    return failed;
  };
  const apply = (yaml: string): Promise<string> => server.kubectl(['apply', '-f', '-'], yaml);

  /** Everything that is in the cluster, without what comes and goes by itself. */
  async function everything(): Promise<string[]> {
    const kinds = (await server.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n');
    const passing = /^(events|leases|apiservices|componentstatuses|endpointslices|endpoints)(\.|$)/;
    const listed = kinds.filter((kind) => !passing.test(kind)).join(',');
    const names = await server.kubectl(['get', listed, '-A', '--ignore-not-found', '-o', 'name', '--show-kind']);
    return names.trim().split('\n').sort();
  }

  /** An object whose specification was changed has another generation. */
  const generations = (): Promise<string> =>
    server.kubectl([
      ...['get', 'deployments,poddisruptionbudgets,mutatingwebhookconfigurations,validatingwebhookconfigurations'],
      ...['-A', '-o', 'custom-columns=KIND:.kind,NAME:.metadata.name,GENERATION:.metadata.generation'],
    ]);

  test('check --pre of an empty cluster finds nothing wrong but the missing Gateway API', async () => {
    const { out } = await tulle('check', '--pre');
    expect(out.replace(/[^\n]*clock[^\n]*\n/, '')).toMatchSnapshot();
    expect(out).toContain('√ no clock skew detected');
  });

  test('check of a cluster without the mesh says how to install it, in JSON too', async () => {
    const { out } = await failure('check', '--wait', '1ms');
    expect(out).toContain("× 'tulle-config' config map exists\n    no mesh is installed in namespace tulle: ");
    expect(out).toMatch(/Status check results are ×\n$/);
    const { success, categories } = JSON.parse((await failure('check', '--wait', '1ms', '-o', 'json')).out);
    expect(success).toBe(false);
    expect(categories.at(-1).checks.at(-1)).toMatchObject({ result: 'error' });
  });

  test('check --pre names the permissions that a user lacks', async () => {
    const { out } = await failure('check', '--pre', '--as', 'somebody', '--as-group', 'system:authenticated');
    expect(out).toContain('× can create ClusterRoles\n    you may not create clusterroles.rbac.authorization.k8s.io');
    expect(out).toMatch(/× can grant the permissions of the control plane\n {4}tulle-tulle-\w+: .*forbidden/);
  });

  test('upgrade, prune and uninstall say that nothing is installed', async () => {
    for (const command of ['upgrade', 'prune', 'uninstall']) {
      expect((await failure(command)).error?.message).toMatch(/namespace tulle/);
    }
  });

  test('what install prints is accepted, upgraded with its settings, checked, pruned, and uninstall leaves nothing', async () => {
    const before = await everything();
    const settings = ['--ha', '--cluster-networks', '10.0.0.0/8', '--opaque-ports', '5432'];
    const { out: manifests } = await tulle('install', ...settings);
    await apply(manifests);
    const applied = await generations();
    expect(await apply(manifests)).not.toMatch(/ created\n/);
    expect(await generations()).toEqual(applied);

    expect((await failure('install')).error?.message).toMatch(/installed in namespace tulle already/);
    expect((await tulle('install', '--ignore-cluster', ...settings)).out).toBe(manifests);
    expect((await tulle('upgrade')).out).toBe(manifests);
    const moved = (await tulle('upgrade', '--image-tag', 'v9')).out;
    expect(moved).toContain('tulle-controller:v9');
    expect(moved).toContain('"from": 5432');
    expect((await failure('check', '--pre')).out).toContain('× control plane namespace does not already exist');

    const { out } = await failure('check', '--wait', '1ms');
    expect(out).toContain(
      '× control plane replica sets are ready\n    Deployment tulle/tulle-identity is not rolled out yet',
    );
    expect(out).toContain('no pod of tulle/tulle-identity is there');
    expect(out).toContain('√ cluster networks contain all services');
    expect(out).toContain('√ control plane ClusterRoles exist');
    expect(out).toContain('ConfigMap tulle/tulle-identity-trust-roots is not there');
    expect(out).toContain('Secret tulle/tulle-proxy-injector-k8s-tls is not there');
    expect(out).toContain('‼ multiple replicas of control plane pods');

    expect((await tulle('prune')).err).toBe('nothing to prune\n');
    const labels = { 'linkerd.io/control-plane-ns': 'tulle', 'linkerd.io/control-plane-component': 'gone' };
    const clusterRole = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', rules: [] };
    await apply(JSON.stringify({ ...clusterRole, metadata: { name: 'tulle-tulle-gone', labels } }));
    expect(parseAllDocuments((await tulle('prune')).out).map((one) => one.toJS().metadata.name)).toEqual([
      'tulle-tulle-gone',
    ]);

    await server.kubectl(['create', 'namespace', 'shop']);
    // No webhook runs here, and the API server is not to dial its Service's address on the machine's network.
    await server.kubectl(['label', 'namespace', 'shop', 'config.tulle.dev/admission-webhooks=disabled']);
    const roots = { name: 'tulle-identity-trust-roots', labels: { 'linkerd.io/control-plane-ns': 'tulle' } };
    await apply(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...roots, namespace: 'shop' } }));
    await apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web', namespace: 'shop', labels: { 'linkerd.io/control-plane-ns': 'tulle' } },
        spec: { containers: [{ name: 'web', image: 'web' }] },
      }),
    );
    expect((await failure('uninstall')).error?.message).toContain('1 pods have a sidecar');
    // The API server opens its storage of a kind when it is first read, and a deletion that comes first waits for minutes.
    // On a cluster the destination component reads them all.
    await vi.waitFor(
      () => server.kubectl(['get', meshKinds.map(({ plural, group }) => `${plural}.${group}`).join(',')]),
      30_000,
    );
    const { out: objects } = await tulle('uninstall', '--force');
    await server.kubectl(['delete', '--wait=false', '-f', '-'], objects);
    await server.kubectl(['-n', 'shop', 'delete', 'pod', 'web', '--force', '--grace-period=0']);
    await finishNamespaces(['tulle', 'shop']);
    // Kinds end once their objects are gone, which the API server sees to by itself.
    await vi.waitFor(async () => expect(await everything()).toEqual(before), { timeout: 30_000, interval: 500 });
  });

  test('check of a mesh that does well finds nothing wrong, and tells what certificates lack', async () => {
    const { out: manifests } = await tulle('install', '--mesh-namespace', 'mesh');
    await pretendHealthyMesh(server, manifests, 'mesh', 1);

    const { out } = await tulle('check', '-L', 'mesh', '--wait', '1ms');
    expect(out).not.toContain('×');
    // The test's certificates hold for a day.
    expect(out.match(/‼ .*/g)).toEqual([
      '‼ Gateway API CRDs are installed',
      '‼ trust anchors are valid for at least 60 days',
      '‼ issuer cert is valid for at least 60 days',
      '‼ proxy-injector cert is valid for at least 60 days',
      '‼ sp-validator cert is valid for at least 60 days',
      '‼ policy-validator cert is valid for at least 60 days',
    ]);
    expect(await tulle('check', '-L', 'mesh', '--wait', '1ms', '-o', 'short')).toMatchObject({
      out: expect.not.stringContaining('√ '),
    });

    const foreign = await testCertificate('CN=foreign');
    await apply(listOf([tlsSecret('mesh', 'tulle-identity-issuer', foreign)]));
    expect((await failure('check', '-L', 'mesh', '--wait', '1ms')).out).toContain(
      '× issuer cert is issued by the trust anchor\n    CN=foreign is signed by none of the trust anchors',
    );
    expect((await tulle('version', '-L', 'mesh')).out).toBe('Client version: 0.1.0\nServer version: 0.1.0\n');
  });

  /** No controller runs here that would empty and end a namespace that is deleted. */
  async function finishNamespaces(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = `/api/v1/namespaces/${name}`;
      if (name === 'shop') await server.kubectl(['delete', 'namespace', name, '--wait=false']);
      const kinds = (await server.kubectl(['api-resources', '--verbs=delete', '--namespaced', '-o', 'name']))
        .trim()
        .split('\n')
        .filter((kind) => !kind.includes('linkerd.io'));
      if (name === 'tulle') await server.kubectl(['-n', name, 'delete', kinds.join(','), '--all', '--wait=false']);
      else expect(await listAll(server.client, `${path}/configmaps`)).toEqual([]);
      const namespace = await server.client.get<object>(path);
      await server.client.replace(`${path}/finalize`, { ...namespace, spec: { finalizers: [] } });
    }
  }
});
