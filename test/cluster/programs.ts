import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { base } from '../../images/contents.ts';
import { Layer } from '../../images/layer.ts';
import { compressLayer, writeOciArchive } from '../../images/oci-archive.ts';
import { programPath } from './requirements.ts';

const machine = join(import.meta.dirname, 'machine');
const kubernetesVersion = '1.34.4';
const names = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
] as const;

/** Changed by whatever changes the programs: builds of different checkouts live beside each other. */
function fingerprint(): string {
  const hash = createHash('sha256');
  for (const folder of ['kubernetes', 'coredns']) {
    for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(machine, folder, file)));
  }
  return hash
    .update(readFileSync(import.meta.filename))
    .digest('hex')
    .slice(0, 12);
}

/** The folder of the cluster's programs; TULLE_CLUSTER_PROGRAMS says another. */
export const programsFolder = (): string =>
  process.env['TULLE_CLUSTER_PROGRAMS'] ||
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tulle', `cluster-${fingerprint()}`);

/** `complete` is linked last, so that a build cut short is done again. */
export const areBuilt = (folder: string): boolean => existsSync(join(folder, 'complete'));

/**
 * Builds Kubernetes, etcd and CoreDNS from their Go modules, and the images of the two system containers. About ten
 * minutes on two cores; with a warm Go build cache less than one.
 */
export async function buildPrograms(folder: string, say: (line: string) => void): Promise<void> {
  const partial = `${folder}.${process.pid}`;
  const bin = join(partial, 'bin');
  mkdirSync(bin, { recursive: true });
  try {
    const startedMs = Date.now();
    say(`building Kubernetes ${kubernetesVersion}, etcd and CoreDNS into ${folder}: about ten minutes the first time`);
    const version = 'k8s.io/component-base/version';
    const [major, minor] = kubernetesVersion.split('.');
    const flags = [
      ...['-s', '-w', '-X', `${version}.gitVersion=v${kubernetesVersion}`],
      ...['-X', `${version}.gitMajor=${major}`, '-X', `${version}.gitMinor=${minor}`],
      ...['-X', `k8s.io/client-go/pkg/version.gitVersion=v${kubernetesVersion}`],
    ];
    go('kubernetes', [
      'build',
      '-buildvcs=false',
      '-trimpath',
      `-ldflags=${flags.join(' ')}`,
      '-o',
      join(bin, 'hyperkube'),
    ]);
    for (const name of names) symlinkSync('hyperkube', join(bin, name));
    const coredns = join(bin, 'coredns');
    go('coredns', ['build', '-buildvcs=false', '-trimpath', '-ldflags=-s -w', '-o', coredns], { CGO_ENABLED: '0' });

    const source = go('kubernetes', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes']).trim();
    const pause = join(partial, 'pause');
    run('gcc', ['-Os', '-static', '-DVERSION=1', '-o', pause, join(source, 'build/pause/linux/pause.c')], machine);
    await systemImage(partial, 'pause', new Layer().copy('/pause', pause, { mode: 0o755 }));
    await systemImage(partial, 'coredns', base().copy('/coredns', coredns, { mode: 0o755 }));
    symlinkSync('bin', join(partial, 'complete'));
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
    say(`built in ${Math.round((Date.now() - startedMs) / 1000)} s`);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function systemImage(folder: string, name: string, layer: Layer): Promise<void> {
  const images = join(folder, 'images');
  mkdirSync(images, { recursive: true });
  const tar = join(folder, `${name}.layer.tar`);
  await pipeline(Readable.from(layer.tar()), createWriteStream(tar));
  const blob = await compressLayer(tar, join(folder, 'layers'));
  await writeOciArchive(`tulle-test/${name}:1`, { Entrypoint: [`/${name}`] }, [blob], join(images, `${name}.tar`));
  rmSync(tar);
  rmSync(join(folder, 'layers'), { recursive: true });
}

const go = (folder: string, args: string[], env: Record<string, string> = {}): string =>
  run('go', args, join(machine, folder), env);

function run(program: string, args: string[], cwd: string, env: Record<string, string> = {}): string {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH: [process.env['PATH'], ...programPath].join(':'), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
