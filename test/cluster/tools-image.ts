import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { layerCache } from '../../images/build-image.ts';
import { nodeRuntime } from '../../images/contents.ts';
import { Layer } from '../../images/layer.ts';
import { compressLayer, type LayerBlob, writeOciArchive } from '../../images/oci-archive.ts';
import { programFile } from '../../images/sysroot.ts';
import { natsProgram } from '../nats/nats-program.ts';
import type { LoadableImage } from './own-cluster.ts';

/** Whether this machine has a program, and so the image of test pods. */
export function isOnThisMachine(program: string): boolean {
  try {
    programFile(program);
    return true;
  } catch {
    return false;
  }
}

/**
 * Node, busybox under all its names (sh, wget, nslookup, httpd, nc, ...), Redis where this machine has it, and NATS where
 * it has Go to build it.
 */
export const toolsImage = 'docker.io/tulle-test/tools:1';

/** Writes the image that test pods run. */
export async function buildToolsImage(out: string): Promise<LoadableImage> {
  mkdirSync(out, { recursive: true });
  const archive = join(out, 'tools.tar');
  const config = { User: '65534:65534', Env: ['PATH=/usr/bin'], Cmd: ['sleep', '2147483647'] };
  // Node's layer is that of other images, and so compressed already.
  const layers = [await compressed(nodeRuntime(), out), await compressed(await tools(), out)];
  const digest = await writeOciArchive(toolsImage, config, layers, archive);
  return { name: toolsImage, archive, digest };
}

async function tools(): Promise<Layer> {
  const busybox = programFile('busybox');
  const layer = new Layer().program('/usr/bin/busybox', busybox);
  for (const name of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (name !== 'busybox') layer.symlink(`/usr/bin/${name}`, 'busybox');
  }
  if (isOnThisMachine('redis-server')) layer.program('/usr/bin/redis-server', 'redis-server');
  const nats = await natsProgram();
  return 'path' in nats ? layer.program('/usr/bin/nats', nats.path) : layer;
}

/** A layer, compressed by way of `out`, where it stays no longer than that takes. */
export async function compressed(layer: Layer, out: string): Promise<LayerBlob> {
  const tar = join(out, 'layer.tar');
  await pipeline(Readable.from(layer.tar()), createWriteStream(tar));
  try {
    return await compressLayer(tar, layerCache);
  } finally {
    rmSync(tar);
  }
}
