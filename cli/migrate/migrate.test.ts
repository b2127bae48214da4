import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { fakeApi } from '../testing/fake-api.ts';
import { type CommandRun, run } from '../testing/run.ts';
import { chartValues } from './chart-values.ts';
import { readLinkerd } from './read-linkerd.ts';
import { settingProps } from './settings.ts';
import { migrationOf } from './to-props.ts';
import { typescriptOf } from './write-typescript.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'tulle-migrate-'));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
afterAll(() => rmSync(folder, { recursive: true }));

const migrate = (...args: string[]): Promise<CommandRun> =>
  run(['migrate', ...args], { cwd: folder }).catch((failed) => failed);
const written = (values: object, objects: object[] = []) =>
  migrationOf(readLinkerd(objects as never, values as never, 'linkerd'));
const workload = (annotations: Record<string, string>) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { template: { metadata: { annotations }, spec: { containers: [{ name: 'web', image: 'web' }] } } },
});

/** Each setting as somebody would write it, and what it then is. */
const samples: Readonly<Record<string, string>> = {
  'opaque-ports': '25, 4000-4002',
  'skip-inbound-ports': '9000',
  'skip-outbound-ports': '9001',
  'skip-subnets': '10.1.0.0/16',
  'proxy-require-identity-inbound-ports': '8443',
  'default-inbound-policy': 'cluster-authenticated',
  'control-port': '4290',
  'inbound-port': '4243',
  'outbound-port': '4240',
  'admin-port': '4291',
  'proxy-uid': '3000',
  'proxy-gid': '3000',
  'proxy-cpu-request': '100m',
  'proxy-cpu-limit': '1.5',
  'proxy-cpu-ratio-limit': '0.5',
  'proxy-memory-request': '64Mi',
  'proxy-memory-limit': '1Gi',
  'proxy-ephemeral-storage-request': '512Ki',
  'proxy-ephemeral-storage-limit': '1Gi',
  'proxy-log-level': 'warn,linkerd=debug',
  'proxy-log-format': 'json',
  'proxy-log-http-headers': 'insecure',
  'access-log': 'apache',
  'proxy-inbound-connect-timeout': '150ms',
  'proxy-outbound-connect-timeout': '1m30s',
  'proxy-inbound-discovery-cache-unused-timeout': '90s',
  'proxy-outbound-discovery-cache-unused-timeout': '1h',
  'shutdown-grace-period': '2m',
  'close-wait-timeout': '60',
  'proxy-enable-native-sidecar': 'false',
  'proxy-await': 'disabled',
  'proxy-admin-shutdown': 'enabled',
  'proxy-wait-before-exit-seconds': '5',
  'proxy-additional-env': '[{"name":"A","value":"b"}]',
  'debug-image': 'reg/debug',
  'debug-image-version': 'v1',
  'debug-image-pull-policy': 'Always',
  'image-pull-policy': 'Never',
};

interface Synthesized {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: object };
  readonly spec?: object;
  readonly data?: Readonly<Record<string, string>>;
}

/** Runs what was written, and gives the objects that it synthesizes. */
function synthesized(source: string, name: string): Synthesized[] {
  const place = join(folder, name);
  mkdirSync(place);
  const resolvePackage = createRequire(join(root, 'package.json')).resolve;
  const file = join(place, 'main.ts');
  const imported = source.replace(/from '([^']+)'/g, (_, from: string) => {
    const target = from === 'tulle' ? join(root, 'lib/index.ts') : resolvePackage(from);
    return `from ${JSON.stringify(pathToFileURL(target).href)}`;
  });
  writeFileSync(file, imported);
  const outdir = join(place, 'dist');
  const { stderr, status } = spawnSync(process.execPath, [file], {
    encoding: 'utf8',
    env: { ...process.env, CDK8S_OUTDIR: outdir },
  });
  expect([status, stderr.replace(/^.*Warning.*$/gm, '').trim()]).toEqual([0, '']);
  return readdirSync(outdir).flatMap((each) =>
    parseAllDocuments(readFileSync(join(outdir, each), 'utf8')).map((document) => document.toJS()),
  );
}

/** Compiles it as a user's project does. */
function compiled(source: string): void {
  const file = join(folder, 'compiled.mts');
  const paths = { tulle: [join(root, 'lib/index.ts')] };
  writeFileSync(file, source);
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { paths, noEmit: true },
    files: [file],
    include: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
  expect(tsc.stdout).toBe('');
}

const allSettings = (): Record<string, string> => {
  const named = Object.keys(settingProps).map(
    (name) => [`config.linkerd.io/${name}`, samples[name] ?? 'true'] as const,
  );
  // One contradicts another, as it would in Linkerd.
  return Object.fromEntries(named.filter(([key]) => !key.endsWith('proxy-native-sidecar')));
};

describe('what is written', () => {
  it('of a workload says to the injector what its annotations said', async () => {
    const source = typescriptOf(written({}, [workload(allSettings())]));
    const said = `import { annotationsOf } from ${JSON.stringify(join(root, 'lib/workload/mesh-options.ts'))};`;
    const file = join(folder, 'said.mts');
    const tulle = `from ${JSON.stringify(join(root, 'lib/index.ts'))}`;
    const shows = "console.log(JSON.stringify(annotationsOf(workloads['shop/deployment/web'])));";
    writeFileSync(file, [said, source.replace("from 'tulle'", tulle), shows].join('\n'));
    const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', cwd: folder });
    expect(stderr).toBe('');
    const annotations: Record<string, string> = JSON.parse(stdout);
    const key = (name: string): string => `config.tulle.dev/${name}`;
    expect(Object.keys(annotations).sort()).toEqual(Object.keys(settingProps).map(key).sort());
    const asOther = { 'opaque-ports': '25,4000,4001,4002', 'proxy-cpu-limit': '1500m' };
    const changed = Object.keys(settingProps).filter((name) => annotations[key(name)] !== (samples[name] ?? 'true'));
    expect(Object.fromEntries(changed.map((name) => [name, annotations[key(name)]]))).toMatchObject(asOther);
    // Durations, in other units of the same length.
    expect(changed.filter((name) => !/-timeout$|-period$/.test(name)).sort()).toEqual(Object.keys(asOther).sort());
  });

  it('has every annotation that has a typed property, compiles, and synthesizes', () => {
    const migration = written(
      {
        clusterDomain: 'k8s.example',
        identityTrustDomain: 'mesh.example',
        controllerReplicas: 2,
        webhookFailurePolicy: 'Fail',
        imagePullSecrets: [{ name: 'registry' }],
        nodeSelector: { 'kubernetes.io/os': 'linux', pool: 'mesh' },
        tolerations: [{ key: 'mesh', operator: 'Exists', effect: 'NoSchedule' }],
        podLabels: { 'example.com/team': 'x' },
        identity: { issuer: { issuanceLifetime: '12h0m0s', clockSkewAllowance: '20s' } },
        proxy: { defaultInboundPolicy: 'deny', logFormat: 'json', resources: { memory: { limit: '250Mi' } } },
      },
      [
        {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'shop', annotations: { 'linkerd.io/inject': 'ingress' } },
        },
        workload(allSettings()),
      ],
    );
    expect(migration.notes).toEqual([]);
    const source = typescriptOf(migration);
    for (const { path } of Object.values(settingProps)) expect(source).toContain(`${path.split('.').at(-1)}: `);
    compiled(source);
    const objects = synthesized(source, 'whole');
    const find = (kind: string, name: string) =>
      objects.find((each) => each.kind === kind && each.metadata.name === name);
    expect(find('Namespace', 'shop')?.metadata.annotations).toEqual({
      ...{ 'linkerd.io/inject': 'disabled', 'tulle.dev/inject': 'ingress' },
    });
    const config = JSON.parse(find('ConfigMap', 'tulle-config')?.data?.['values'] ?? '');
    expect(config).toMatchObject({
      ...{ meshNamespace: 'linkerd', trustDomain: 'mesh.example', clusterDomain: 'k8s.example' },
      defaults: { inboundPolicy: 'deny', logFormat: 'json', memoryLimit: '250Mi' },
    });
    expect(find('Deployment', 'tulle-identity')?.spec).toMatchObject({
      replicas: 2,
      template: { spec: { nodeSelector: { pool: 'mesh' }, tolerations: [{ key: 'mesh' }] } },
    });
  }, 60_000);

  it('of the defaults of the chart is next to nothing', () => {
    const { mesh, notes } = written({
      ...{ clusterDomain: 'cluster.local', controllerReplicas: 1, disableIPv6: true, webhookFailurePolicy: 'Ignore' },
      proxy: { logLevel: 'warn,linkerd=info', await: true, cores: 0, ports: { admin: 4191 }, gid: -1, accessLog: '' },
      proxyInit: { ignoreInboundPorts: '4567,4568', skipSubnets: '' },
      ...{ imagePullSecrets: [], podLabels: {}, nodeSelector: { 'kubernetes.io/os': 'linux' } },
    });
    expect(notes).toEqual([]);
    expect(mesh.kind === 'object' && [...mesh.fields.keys()]).toEqual([
      ...['namespace', 'trustAnchors', 'egressNamespace'],
    ]);
  });

  it('high availability is one word', () => {
    const source = typescriptOf(
      written({ controllerReplicas: 3, enablePodAntiAffinity: true, webhookFailurePolicy: 'Fail' }),
    );
    expect(source).toContain('highAvailability: true,');
    expect(source).not.toMatch(/antiAffinity|replicas|failClosed/);
  });
});

describe('what cannot be carried over', () => {
  it('is named: each value with the reason, and those that nobody knows', () => {
    expect(
      written({
        cniEnabled: true,
        proxy: { opaquePorts: '1-60000', resources: { memory: { limit: '1G' } }, cores: 2 },
        destinationResources: { cpu: { limit: '1' }, memory: { limit: '1Gi' } },
        somethingNew: { a: false },
        proxyInjector: { caBundle: '-----BEGIN CERTIFICATE-----' },
      }).notes,
    ).toEqual([
      expect.stringContaining('cniEnabled (true): there is no CNI plugin'),
      'proxy.opaquePorts (1-60000) cannot be said by `opaquePorts`: write it by hand',
      'proxy.resources.memory.limit (1G) cannot be said by `proxy.memoryLimit`: write it by hand',
      expect.stringContaining('proxy.cores (2): '),
      expect.stringContaining('destinationResources.*: '),
      'somethingNew.a (false) is no value that this command knows',
      expect.stringContaining('proxyInjector.*: '),
    ]);
  });

  it('of annotations is named with its place', () => {
    const { notes } = written({}, [
      workload({
        'config.linkerd.io/proxy-version': 'edge-1',
        'config.linkerd.io/opaque-ports': 'mysql',
        'config.linkerd.io/brand-new': 'x',
        'linkerd.io/inject': 'perhaps',
      }),
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'a', annotations: { 'config.linkerd.io/enable-gateway': 'true' } },
      },
    ]);
    expect(notes).toHaveLength(5);
    expect(notes.join('\n')).toMatch(
      /^namespace a: config\.linkerd\.io\/enable-gateway: pods do not take it[\s\S]*workload shop\/deployment\/web: config\.linkerd\.io\/proxy-version: it is Linkerd's/,
    );
  });

  it('texts of others stay in the comment and in the texts that they are', () => {
    const evil = "*/ process.exit(3); /* ' \\ $" + '{x} \u2028';
    const source = typescriptOf(
      written({ [evil]: evil, identityTrustDomain: 'a.b', podLabels: { [evil]: evil } }, [
        {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'a', annotations: { 'config.linkerd.io/proxy-log-level': evil } },
        },
      ]),
    );
    // The props refuse it, which is told as theirs: nothing of it was run.
    writeFileSync(
      join(folder, 'evil.ts'),
      source.replace(/from 'tulle'/, `from ${JSON.stringify(join(root, 'lib/index.ts'))}`),
    );
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'evil.ts')], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/Error: '/);
  });

  it('a value is either known or told: no path stands for itself and for what is below it without a reason', () => {
    for (const [path, { fate, usual }] of Object.entries(chartValues)) {
      if ('setting' in fate) expect(settingProps, path).toHaveProperty(fate.setting);
      for (const text of usual) expect(text, path).not.toBe('');
    }
  });
});

describe('tulle migrate', () => {
  it('asks the cluster where no file is given, and leaves out what Linkerd itself runs', async () => {
    const list = (items: object[] = []) => ({ items });
    const api = await fakeApi({
      '/api/v1/namespaces/linkerd/configmaps/linkerd-config': {
        metadata: { name: 'linkerd-config', namespace: 'linkerd' },
        data: { values: 'clusterDomain: cluster.local\nproxy:\n  logFormat: json\n' },
      },
      '/api/v1/namespaces': list([
        { metadata: { name: 'linkerd', annotations: { 'linkerd.io/inject': 'disabled' } } },
        { metadata: { name: 'shop', annotations: { 'linkerd.io/inject': 'enabled' } } },
      ]),
      '/apis/apps/v1/deployments': list([workload({ 'linkerd.io/inject': 'enabled' })]),
      '/apis/apps/v1/statefulsets': list(),
      '/apis/apps/v1/daemonsets': list(),
    });
    try {
      const { out } = await run(['migrate', '--kubeconfig', api.kubeconfig]);
      expect(out).toContain('proxy: { logJson: true },');
      expect(out.match(/new MeshedNamespace\(/g)).toHaveLength(1);
      const steps = (await run(['migrate', '--kubeconfig', api.kubeconfig, '-o', 'steps'])).out;
      expect(steps).toContain('kubectl annotate namespace shop linkerd.io/inject=disabled tulle.dev/inject=enabled');
      expect(steps).toContain('instead: shop/deployment/web:');
    } finally {
      api.close();
    }
  });

  it('leaves out of files what is Linkerd’s own, by its name or its labels, and says so', async () => {
    const namespace = (name: string, labels: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels, annotations: { 'linkerd.io/inject': 'enabled' } },
    });
    const inViz = {
      ...workload({ 'linkerd.io/inject': 'enabled' }),
      metadata: { name: 'web', namespace: 'linkerd-viz' },
    };
    const objects = [
      ...[namespace('linkerd', { 'linkerd.io/is-control-plane': 'true' }), namespace('linkerd-viz'), inViz],
      ...[namespace('mirror', { 'linkerd.io/extension': 'multicluster' }), namespace('shop')],
      ...[namespace('linkerd-shop'), workload({ 'config.linkerd.io/opaque-ports': '5432' })],
    ];
    writeFileSync(join(folder, 'own.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    const { out, err } = await migrate('own.json');
    const note = "what runs in linkerd, linkerd-viz, mirror: it is Linkerd's own, and ends with it";
    expect(err).toBe(`warning: not carried over: ${note}\n`);
    expect(out).toContain(` * - ${note}\n`);
    expect([...out.matchAll(/new MeshedNamespace\(namespaces, '([^']*)'/g)].map(([, name]) => name)).toEqual([
      ...['linkerd-shop', 'shop'],
    ]);
    expect(out).toContain("'shop/deployment/web'");
    expect(out).not.toContain("'linkerd-viz/");
    const steps = (await migrate('own.json', '-o', 'steps')).out;
    expect(steps).toContain('kubectl annotate namespace shop ');
    expect(steps).not.toMatch(/namespace (linkerd|linkerd-viz|mirror) /);
    const elsewhere = await migrate('own.json', '--linkerd-namespace', 'shop');
    expect(elsewhere.out).not.toContain("new MeshedNamespace(namespaces, 'shop'");
  });

  it.each([
    ['broken/all.yaml', 'kind: ConfigMap\n---\na: [\n', 'broken/all.yaml:1: document 1: is no object', 1],
    ['torn.yaml', 'a: 1\nb: [\n', 'torn.yaml:', 1],
    ['blank.yaml', '', 'nothing of Linkerd is in blank.yaml', 64],
    ['other/pod.yaml', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\n', 'nothing of Linkerd is in other', 64],
    ['nothing/readme.md', '', 'nothing has no file of manifests', 64],
  ])('refuses %s, of which it would make an empty mesh', async (file, text, message, exitCode) => {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), text);
    const { out, error } = await migrate(file.split('/')[0]);
    expect([out, error?.message]).toEqual(['', expect.stringContaining(message)]);
    expect(error).toMatchObject({ exitCode });
  });

  it.each([
    [['-f', 'nowhere.yaml'], '--values (nowhere.yaml) cannot be read: there is no such file or folder', 64],
    [['nowhere'], 'nowhere cannot be read: there is no such file or folder', 64],
    [['--linkerd-namespace', 'a b'], '--linkerd-namespace (a b) must be the name of a namespace', 64],
  ])('%j is refused with what is wrong', async (args, message, exitCode) => {
    const { error } = await migrate(...args);
    expect(error?.message).toContain(message);
    expect(error).toMatchObject({ exitCode });
  });
});
