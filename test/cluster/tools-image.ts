import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { layerCache } from '../../images/build-image.ts';
import { base } from '../../images/contents.ts';
import { programFile } from '../../images/layer.ts';
import { compressLayer, writeOciArchive } from '../../images/oci-archive.ts';
import type { LoadableImage } from './own-cluster.ts';

/** busybox under all its names: sh, wget, nslookup, httpd, nc, ... */
export const toolsImage = 'docker.io/tulle-test/tools:1';

/** Writes the image that test pods run. */
export async function buildToolsImage(out: string): Promise<LoadableImage> {
  mkdirSync(out, { recursive: true });
  const busybox = programFile('busybox');
  const layer = base().program('/usr/bin/busybox', busybox);
  for (const name of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (name !== 'busybox') layer.symlink(`/usr/bin/${name}`, 'busybox');
  }
  const tar = join(out, 'tools.layer.tar');
  const archive = join(out, 'tools.tar');
  await pipeline(Readable.from(layer.tar()), createWriteStream(tar));
  const config = { User: '65534:65534', Env: ['PATH=/usr/bin'], Cmd: ['sleep', '2147483647'] };
  const digest = await writeOciArchive(toolsImage, config, [await compressLayer(tar, layerCache)], archive);
  rmSync(tar);
  return { name: toolsImage, archive, digest };
}
