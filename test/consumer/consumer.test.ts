import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const template = join(root, 'node_modules/cdk8s-cli/templates/typescript-app');
const work = mkdtempSync(join(tmpdir(), 'tulle-consumer-'));
const project = join(work, 'project');

function run(cwd: string, command: string, ...args: string[]): string {
  // The test runner's own variables would tell jest and npm that they are inside of something else.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV$|npm_)/.test(name)),
  );
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  if (error || status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `exit ${status}`}\n${stdout}\n${stderr}`);
  }
  return stdout;
}

/** The tarball that would be published. */
function pack(): string {
  return join(work, run(root, 'npm', 'pack', '--silent', '--pack-destination', work).trim());
}

/** A project as `cdk8s init typescript-app` makes it, from the template that the command uses. */
function init(tarball: string): void {
  const { version: core } = JSON.parse(readFileSync(join(root, 'node_modules/cdk8s/package.json'), 'utf8'));
  const { version: plus } = JSON.parse(readFileSync(join(root, 'node_modules/cdk8s-plus-33/package.json'), 'utf8'));
  const { version: constructs } = JSON.parse(readFileSync(join(root, 'node_modules/constructs/package.json'), 'utf8'));
  const manifest = JSON.parse(
    readFileSync(join(template, 'package.json'), 'utf8')
      .replace('{{ $base }}', 'shop')
      .replace('{{ cdk8s_core_version }}', core)
      .replace('{{ cdk8s_plus_version }}', plus)
      .replace('{{ constructs_version }}', constructs),
  );
  delete manifest.devDependencies['cdk8s-cli']; // only runs `npx ts-node main.ts`, as the test does itself
  manifest.dependencies.tulle = `file:${tarball}`;
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2));
  for (const file of ['tsconfig.json', 'jest.config.js']) copyFileSync(join(template, file), join(project, file));
  for (const file of ['main.ts', 'main.test.ts', 'model.test.ts']) {
    copyFileSync(join(import.meta.dirname, 'project', file), join(project, file));
  }
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--omit=optional');
}

const synth = () => {
  rmSync(join(project, 'dist'), { recursive: true, force: true });
  run(project, 'npx', 'ts-node', 'main.ts');
  return readdirSync(join(project, 'dist')).map((file) => [file, readFileSync(join(project, 'dist', file), 'utf8')]);
};

let tarball: string;
beforeAll(() => {
  tarball = pack();
  init(tarball);
}, 240_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

it('holds the programs and declarations that a project can load, and nothing else', () => {
  const files = run(work, 'tar', '-tzf', tarball)
    .trim()
    .split('\n')
    .map((name) => name.replace(/^package\//, ''));
  const others = files.filter((name) => !/^dist\/(lib|cli|testing)\/.*\.(js|d\.ts)$/.test(name));
  expect(others.sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist/lib/package.json',
    'dist/testing/package.json',
    'package.json',
  ]);
  expect(files.filter((name) => /\.test\.|^dist\/lib\/.*testing|^dist\/cli\/.*\.d\.ts$/.test(name))).toEqual([]);
  const inside = 'dist/lib/inject/inject-pod.';
  expect(files.filter((name) => name.startsWith(inside))).toEqual([`${inside}js`]);
});

it('is packed as publint and attw say that a package is to be, for CommonJS and for ES modules', () => {
  const tool = (name: string): string => join(root, 'node_modules/.bin', name);
  expect(run(work, tool('publint'), '--strict', tarball)).toContain('All good!');
  expect(run(work, tool('attw'), tarball)).toContain('No problems found');
}, 240_000);

it('type-checks, declarations of the package included, without cdk8s-plus-27', () => {
  run(project, 'npx', 'tsc', '--noEmit');
}, 240_000);

it('synthesizes the mesh and a meshed chart, the same bytes each time', () => {
  const files = synth();
  expect(files.map(([file]) => file)).toEqual(['shop.k8s.yaml', 'tulle.k8s.yaml']);
  expect(files[0][1]).toContain('name: tulle-proxy');
  expect(synth()).toEqual(files);
}, 240_000);

it('keeps its snapshot in jest', () => {
  run(project, 'npx', 'jest', '--ci=false', 'main.test.ts'); // writes the snapshot, which jest would not do in CI
  run(project, 'npx', 'jest', '--ci', 'main.test.ts');
}, 240_000);

it('asks in jest who may call whom, by the same types', () => {
  run(project, 'npx', 'jest', '--ci', 'model.test.ts');
}, 240_000);

it('tells of a mistake in a test in some lines, for Node prints the one of the package that threw', () => {
  const wrong = "require('tulle/testing').MeshModel.fromYaml('').isMeshed('shop/wbe')";
  const { stderr } = spawnSync(process.execPath, ['-e', wrong], { cwd: project, encoding: 'utf8' });
  expect(stderr).toContain("Error: 'shop/wbe' is no workload of the manifests");
  expect(stderr.length).toBeLessThan(2000);
});

describe('as a validation of cdk8s-cli, as the guide has it in cdk8s.yaml', () => {
  const guide = readFileSync(join(root, 'docs/guides/validation.md'), 'utf8');
  const config = /^```yaml\n(app: [\s\S]*?)^```$/m.exec(guide)?.[1] ?? '';

  function synthesize(more: (config: string) => string): { status: number | null; out: string } {
    const asked = more(config.replace(/^app: .*$/m, 'app: node plain.cjs'));
    writeFileSync(join(project, 'cdk8s.yaml'), asked);
    for (const file of ['plain.cjs', 'plain.yaml']) {
      copyFileSync(join(import.meta.dirname, 'project', file), join(project, file));
    }
    const cdk8s = join(root, 'node_modules/cdk8s-cli/bin/cdk8s');
    const { status, stdout, stderr } = spawnSync(process.execPath, [cdk8s, 'synth', '--check-upgrade=false'], {
      ...{ cwd: project, encoding: 'utf8' },
    });
    return { status, out: `${stdout}${stderr}` };
  }

  it('names the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(config).toContain(`version: ${version}\n`);
  });

  it('fails the synth of plain manifests for what may not be meant, with construct, manifest and field', () => {
    const { status, out } = synthesize((asked) => asked);
    expect(out).toContain(
      'HTTPRoute shop/orders: spec.rules[0].backendRefs[1].name (orders-next) is no Service of shop',
    );
    expect(out).toContain('Construct Path: plain/shop/orders-httproute');
    expect(out).toContain('Manifest Path: dist/plain.k8s.yaml');
    expect(out).toContain('> spec.rules[0].backendRefs');
    expect(out).toContain('How to fix: give each backend a weight');
    expect(status).toBe(2);
  }, 240_000);

  it('passes warnings without failOn', () => {
    const { status, out } = synthesize((asked) => asked.replace(/ *properties:\n.*\n/, ''));
    expect(out).toContain('unknown-service (warning)');
    expect(status).toBe(0);
  }, 240_000);
});

/** The oldest Node that the package says it runs on, and the newest of each line; that of the project is among them. */
const nodes = ['22.19.0', '22.23.3', '24.0.0', '24.21.0', '26.10.0'];

it('is tested on the oldest Node that it says it runs on', () => {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(engines.node).toBe(`>=${nodes[0].replace(/\.0$/, '')}`);
});

/** Kept in the machine's folder for temporary files, for one takes 40 MB of download. */
function nodeOf(version: string): string {
  const folder = join(tmpdir(), 'tulle-test-nodes', version);
  const program = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefix', '.', `node@${version}`);
  }
  return program;
}

it.each(nodes)(
  'an ES module on Node %s imports every name',
  (version) => {
    for (const file of ['names.mjs', 'use.cjs'])
      copyFileSync(join(import.meta.dirname, 'project', file), join(project, file));
    const names = [
      'AccessLog Affinity ApiDescription AuthorizationPolicy BackendOrder BlueGreen Canary',
      'CanaryStep CertManagerIssuer CircuitBreaker Compat DataPlane EgressPolicy EgressTraffic',
      'ExternalAuthorization Failover FaultAbort FaultInjection Filter GrpcRoute HttpRoute',
      'InboundPolicy Injection Interception LogLevel Match Mesh MeshInjection MeshModel MeshPeer',
      'MeshReference MeshService MeshTlsAuthentication MeshValidation MeshWarnings MeshedCronJob MeshedDaemonSet',
      'MeshedDeployment MeshedJob MeshedNamespace MeshedStatefulSet Mirror MirrorShare Network',
      'NetworkAuthentication PathRewrite PodSecurity PodSelector PolicyObject PolicyTarget Port',
      'ProxyProtocol PullPolicy RateLimit RequestAuthentication RequestCondition ResponseCondition',
      'RetryOn RouteParent RouteProtocol RouteVersion Server ServiceProfile Sessions Staging Statsd',
      'StatsdTags TcpRoute TlsRoute TokenPlace Tracing TrafficSplit TrustAnchors WorkloadMesh',
      'meshed',
    ].join(' ');
    expect(run(project, nodeOf(version), 'names.mjs').trim()).toBe(names);
    // Without cdk8s-plus-27, what needs it says so when it is used.
    expect(run(project, nodeOf(version), 'use.cjs')).toContain('npm install cdk8s-plus-27');
  },
  240_000,
);

it('brings the command line, which starts about as fast as Node does', () => {
  const tulle = join(project, 'node_modules/.bin/tulle');
  expect(run(project, tulle, 'version', '--client')).toMatch(/^Client version: \d/);
  expect(run(project, tulle, 'install', '--ignore-cluster')).toContain('name: tulle-destination');
  expect(run(project, tulle, 'help', 'inject')).toContain('--explicit');
  expect(() => run(project, tulle, 'demo')).toThrow('run it from a checkout');
  const told =
    'process.on("exit",()=>{const{user,system}=process.cpuUsage();process.stderr.write(String(user+system))})';
  const cpuUs = (...args: string[]): number =>
    Number(
      spawnSync(process.execPath, ['--import', `data:text/javascript,${told}`, ...args], { encoding: 'utf8' }).stderr,
    );
  // One beside the other, for a busy machine slows both; the middle of them, for its haste is not even.
  const ratios = Array.from(
    { length: 15 },
    () => cpuUs(realpathSync(tulle), 'version', '--client') / cpuUs('-e', '0'),
  ).sort((a, b) => a - b);
  expect(ratios[7]).toBeLessThan(2);
}, 240_000);

it('meshes workloads of the cdk8s-plus that the template brings, and of the newest one, without cdk8s-plus-27', () => {
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--omit=optional', 'cdk8s-plus-34@^2.0.54');
  copyFileSync(join(import.meta.dirname, 'project/newest.test.ts'), join(project, 'newest.test.ts'));
  run(project, 'npx', 'jest', '--ci', 'newest.test.ts');
}, 240_000);

it('has MeshedDeployment once cdk8s-plus-27 is installed', () => {
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--omit=optional', 'cdk8s-plus-27@^2.9.5');
  copyFileSync(join(import.meta.dirname, 'project/meshed.test.ts'), join(project, 'meshed.test.ts'));
  run(project, 'npx', 'tsc', '--noEmit');
  run(project, 'npx', 'jest', '--ci=false', 'meshed.test.ts');
  for (const version of nodes) expect(run(project, nodeOf(version), 'use.cjs')).toContain('identity: default.default.');
}, 240_000);
