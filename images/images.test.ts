import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownArchitecture } from './architecture.ts';
import { billAnnotation } from './bill-of-materials.ts';
import { type Builder, type BuiltImage, buildImage } from './build-image.ts';
import { isWorking } from './container-tool.ts';
import { imageContents, imageNames } from './contents.ts';
import { type ReadImage, readImageArchive, readTar } from './read-archive.ts';
import { programFile } from './sysroot.ts';

const missing = ['xtables-nft-multi', 'sleep'].filter((name) => !isInstalled(name));
const isRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'tulle-images-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const build = (name: (typeof imageNames)[number], builder: Builder, out: string): Promise<BuiltImage> =>
  buildImage(imageContents(name), { builder, registry: 'registry.example/mesh', tag: 'test', out: join(folder, out) });

const suite = missing.length > 0 ? `the images (skipped: ${missing} is not installed)` : 'the images';
describe.skipIf(missing.length > 0)(suite, { timeout: 300_000 }, () => {
  const built = new Map<string, BuiltImage>();
  const read = new Map<string, ReadImage>();
  beforeAll(async () => {
    for (const name of imageNames) {
      built.set(name, await build(name, 'own', 'own'));
      read.set(name, readImageArchive(built.get(name)!.archive));
    }
  }, 300_000);

  it('of the proxy is under 60 MB', () => {
    expect(built.get('proxy')!.archiveBytes).toBeLessThan(60e6);
  });

  it('has the same digest when it is built again', async () => {
    const again = await build('proxy', 'own', 'again');
    expect(again.digest).toBe(built.get('proxy')!.digest);
  });

  it('of the proxy has its bill of materials in its manifest, as it stands beside the archive', () => {
    const files = new Map(
      [...readTar(readFileSync(built.get('proxy')!.archive))].map(({ path, bytes }) => [path, bytes]),
    );
    const json = (path: string) => JSON.parse(files.get(path)!.toString());
    const [{ digest }] = json('index.json').manifests;
    const bill = JSON.parse(json(`blobs/${digest.replace(':', '/')}`).annotations[billAnnotation]);
    const beside = readFileSync(join(folder, 'own', `tulle-proxy.${ownArchitecture}.spdx.json`), 'utf8');
    expect(bill).toEqual(JSON.parse(beside));
    const names = bill.packages.map(({ name }: { name: string }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['tulle-proxy', 'bun', 'jose', '@bufbuild/protobuf', 'libc6', 'iptables']),
    );
  });

  for (const name of imageNames) {
    it(`of ${name} is named, runs as a user that is not root, and lets nobody but root write`, () => {
      const { names, config, files } = read.get(name)!;
      expect(names).toEqual([`registry.example/mesh/tulle-${name}:test`]);
      expect(config.User).toMatch(/^21\d\d:21\d\d$/);
      const writable = [...files].filter(
        ([, { type, mode, owner }]) => owner !== '0:0' || (type !== '2' && mode & 0o022),
      );
      expect(writable.map(([path]) => path)).toEqual(['tmp']);
      const privileged = [...files].filter(([, { mode }]) => mode & 0o6000);
      expect(privileged).toEqual([]);
    });
  }

  it('of the proxy gives network capabilities to Bun and iptables alone', () => {
    const { files } = read.get('proxy')!;
    const capable = [...files].filter(([, { capabilities }]) => capabilities !== '');
    expect(Object.fromEntries(capable.map(([path, { capabilities }]) => [path, capabilities.slice(0, 16)]))).toEqual({
      'usr/bin/bun': '0000000200300000', // revision 2, not effective: NET_ADMIN, NET_RAW
      'usr/sbin/xtables-legacy-multi': '0100000200300000',
      'usr/sbin/xtables-nft-multi': '0100000200300000',
    });
  });

  it.skipIf(!isRoot)(`starts in a root of its own${isRoot ? '' : ' (skipped: it needs root)'}`, () => {
    expect(runIn(built.get('proxy')!, 2102, ['/usr/bin/tulle-proxy', 'proxy'])).toContain('invalid configuration');
    expect(runIn(built.get('controller')!, 2103, ['/usr/bin/tulle-controller'])).toContain('usage:');
  });

  const buildah = isWorking('buildah');
  it.skipIf(!buildah)(`is the same from buildah${buildah ? '' : ' (skipped: buildah is not installed)'}`, async () => {
    const storage = join(folder, 'storage');
    const configuration = join(folder, 'storage.conf');
    const text = `[storage]\ndriver = "vfs"\ngraphroot = "${storage}"\nrunroot = "${storage}-run"\n`;
    writeFileSync(configuration, text);
    process.env['CONTAINERS_STORAGE_CONF'] = configuration;
    try {
      const image = await build('proxy', 'buildah', 'buildah');
      const { names, config, files } = readImageArchive(image.archive);
      const own = read.get('proxy')!;
      expect(names).toEqual(own.names);
      expect(config).toMatchObject(own.config);
      expect(Object.fromEntries(files)).toEqual(Object.fromEntries(own.files));
      if (isRoot) expect(runIn(image, 2102, ['/usr/bin/tulle-proxy', 'proxy'])).toContain('invalid configuration');
    } finally {
      delete process.env['CONTAINERS_STORAGE_CONF'];
    }
  });
});

/** Unpacks an image and runs a command with nothing but its files, as its user, without a network. */
function runIn({ archive }: BuiltImage, uid: number, command: string[]): string {
  const root = mkdtempSync(join(folder, 'root-'));
  const parts = join(root, 'parts');
  const rootfs = join(root, 'rootfs');
  for (const path of [parts, rootfs]) mkdirSync(path);
  execFileSync('tar', ['-C', parts, '-xf', archive]);
  const [{ Layers: layers }] = JSON.parse(execFileSync('cat', [join(parts, 'manifest.json')], { encoding: 'utf8' }));
  for (const layer of layers) execFileSync('tar', ['-C', rootfs, '-xf', join(parts, layer)]);
  const script = 'mount -t proc proc "$1/proc"; user=$2; root=$1; shift 2; exec chroot --userspec="$user" "$root" "$@"';
  const args = ['--mount', '--net', '--pid', '--fork', 'sh', '-ec', script, 'sh', rootfs, `${uid}:${uid}`, ...command];
  const { stdout, stderr } = spawnSync('unshare', args, {
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: '/usr/sbin:/usr/bin' },
  });
  return `${stdout}${stderr}`;
}

function isInstalled(name: string): boolean {
  try {
    programFile(name);
    return true;
  } catch {
    return false;
  }
}
