import { execFileSync, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { architectures, namesOf, ownArchitecture } from './architecture.ts';
import { imageContents } from './contents.ts';
import { readDynamic } from './elf.ts';
import { foreignSysroot, type Inputs, inputsFile } from './foreign-files.ts';
import { compressLayer, writeOciImages } from './oci-archive.ts';
import { readTar } from './read-archive.ts';
import { programFile, thisMachine } from './sysroot.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-foreign-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isInstalled = (name: string): boolean => {
  try {
    return programFile(name) !== '';
  } catch {
    return false;
  }
};

it.each([thisMachine.node, thisMachine.bun, programFile('sleep')])(
  'what %s needs is read from the file as the loader reads it',
  (program) => {
    const all = new Set<string>();
    const libraries = thisMachine.libraries(program);
    const look = (file: string): void => {
      const { interpreter, needed } = readDynamic(readFileSync(file));
      if (interpreter !== undefined) all.add(interpreter.split('/').at(-1)!);
      for (const name of needed) {
        const path = libraries.find((library) => library.endsWith(`/${name}`));
        if (all.has(name) || path === undefined) continue;
        all.add(name);
        look(path);
      }
    };
    look(program);
    const linked = libraries.map((library) => library.split('/').at(-1));
    expect([...all].sort()).toEqual(linked.sort());
  },
);

it.each([
  ['a text', Buffer.from('#!/bin/sh\n'.repeat(20))],
  ['a file that ends in its head', readFileSync(programFile('sleep')).subarray(0, 40)],
])('%s is no program', (_name, bytes) => {
  expect(() => readDynamic(bytes)).toThrow('no ELF file');
});

describe.each(architectures)('what images for %s are made of', (architecture) => {
  const inputs = JSON.parse(readFileSync(inputsFile(architecture), 'utf8')) as Inputs;
  const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8'));

  it('is Node and Bun in the versions of package.json, Bun with the digest of the lock file (node images/pin.ts writes it)', () => {
    const { node, bun } = packageJson.devDependencies;
    const names = namesOf[architecture];
    expect(inputs.npm.map(({ name, version }) => [name, version])).toEqual([
      [names.node, node],
      [names.bun, bun],
    ]);
    expect(inputs.npm[1].integrity).toBe(lock.packages[`node_modules/${names.bun}`].integrity);
  });

  it('is pinned by digests', () => {
    expect(inputs.packages.filter(({ sha256 }) => !/^[0-9a-f]{64}$/.test(sha256))).toEqual([]);
    expect(inputs.npm.filter(({ integrity }) => !/^sha512-[\w+/]{86}==$/.test(integrity))).toEqual([]);
  });
});

it('an archive of two architectures is an index of both, and docker’s own format has that of this machine', async () => {
  const layerOf = async (text: string) => {
    const file = join(folder, `${text}.tar`);
    writeFileSync(file, text);
    return compressLayer(file, join(folder, 'cache'));
  };
  const images = await Promise.all(
    architectures.map(async (architecture) => ({
      ...{ architecture, config: { User: '5:5' }, layers: [await layerOf(architecture)] },
      annotations: { 'dev.example': architecture },
    })),
  );
  const archive = join(folder, 'two.tar');
  const digest = await writeOciImages('team/web:1', images, archive);
  const files = new Map([...readTar(readFileSync(archive))].map(({ path, bytes }) => [path, bytes]));
  const json = (path: string) => JSON.parse(files.get(path)!.toString());
  const blob = (of: { digest: string }) => json(`blobs/${of.digest.replace(':', '/')}`);

  const { manifests } = json('index.json');
  expect(manifests).toMatchObject([{ digest, annotations: { 'io.containerd.image.name': 'docker.io/team/web:1' } }]);
  const each = blob(manifests[0]).manifests;
  expect(each.map(({ platform }: { platform: object }) => platform)).toEqual(
    architectures.map((architecture) => ({ architecture, os: 'linux' })),
  );
  for (const [i, architecture] of architectures.entries()) {
    const { config, layers, annotations } = blob(each[i]);
    expect(annotations).toEqual({ 'dev.example': architecture });
    expect(blob(config)).toMatchObject({ architecture, os: 'linux', config: { User: '5:5' } });
    expect(files.has(`blobs/${layers[0].digest.replace(':', '/')}`)).toBe(true);
  }
  const [docker] = json('manifest.json');
  expect(json(docker.Config).architecture).toBe(ownArchitecture);
});

const foreign = architectures.find((architecture) => architecture !== ownArchitecture)!;
const emulator = ['qemu-aarch64-static', 'qemu-aarch64', 'qemu-x86_64-static', 'qemu-x86_64']
  .filter((name) => name.includes(foreign === 'arm64' ? 'aarch64' : 'x86_64'))
  .find(isInstalled);
const missing =
  emulator === undefined ? 'qemu-user-static' : ['apt-get', 'dpkg-deb'].find((name) => !isInstalled(name));
const suite = `an image for ${foreign}${missing === undefined ? '' : ` (skipped: ${missing} is not installed)`}`;
describe.skipIf(missing !== undefined)(suite, { timeout: 300_000 }, () => {
  it.each([
    ['proxy', 'usr/bin/bun', 'usr/lib/tulle/tulle-proxy.js', 'invalid configuration'],
    ['controller', 'usr/bin/node', 'usr/lib/tulle/tulle-controller.mjs', 'usage:'],
  ] as const)('of %s starts', async (name, runtime, program, said) => {
    const root = join(folder, name);
    mkdirSync(root);
    const contents = imageContents(name, foreignSysroot(foreign));
    for (const { archive, layer } of contents.layers()) {
      const file = join(folder, archive);
      await pipeline(layer.tar(), createWriteStream(file));
      execFileSync('tar', ['-C', root, '-xf', file]);
      rmSync(file);
    }
    const { stdout, stderr } = spawnSync(
      programFile(emulator!),
      ['-L', root, join(root, runtime), join(root, program)],
      {
        encoding: 'utf8',
        timeout: 120_000,
        env: { PATH: '/usr/bin' },
      },
    );
    expect(`${stdout}${stderr}`).toContain(said);
    expect(
      contents
        .layers()[0]
        .layer.systemPackages()
        .map((each) => each.name),
    ).toContain('libc6');
  });
});
