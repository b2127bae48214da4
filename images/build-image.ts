import { createWriteStream, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { billAnnotation, billOfMaterials } from './bill-of-materials.ts';
import { root } from './bundle.ts';
import { build, type ContainerTool, save } from './container-tool.ts';
import { parseContainerfile } from './containerfile.ts';
import type { ImageContents } from './contents.ts';
import { compressLayer, type OciImage, writeOciImages } from './oci-archive.ts';

/** `own` writes the archive without any container tool. */
export type Builder = ContainerTool | 'own';

export interface BuiltImage {
  /** `registry/tulle-proxy:0.1.0`. */
  readonly name: string;
  readonly archive: string;
  readonly archiveBytes: number;
  /** Of the manifest; known of images that we write ourselves. */
  readonly digest?: string;
}

export interface BuildOptions {
  readonly builder: Builder;
  /** `''` for none. */
  readonly registry: string;
  readonly tag: string;
  /** Folder for the archive, and for what it is made of. */
  readonly out: string;
}

/** Where compressed layers are kept from build to build. */
export const layerCache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tulle/layers');

/**
 * Builds one image, and writes it to `<out>/tulle-<name>.tar`, and what is in it to `<out>/tulle-<name>.<architecture>.spdx.json`.
 * Of several architectures it becomes an index, which `own` alone can build: throws with another builder.
 */
export async function buildImage(
  contents: ImageContents,
  options: BuildOptions,
  ...others: readonly ImageContents[]
): Promise<BuiltImage> {
  const { builder, registry, tag, out } = options;
  const name = `${registry === '' ? '' : `${registry.replace(/\/$/, '')}/`}tulle-${contents.name}:${tag}`;
  const archive = join(out, `tulle-${contents.name}.tar`);
  const context = join(out, 'context', contents.name);
  let digest: string | undefined;
  if (builder === 'own') {
    const images: OciImage[] = [];
    for (const each of [contents, ...others]) images.push(await ownImage(each, context, options));
    digest = await writeOciImages(name, images, archive);
  } else {
    if (others.length > 0) throw new Error(`${builder} builds for one architecture: several are for --builder own`);
    const { bill } = await writeContext(contents, context, tag);
    writeBill(contents, bill, out);
    build(builder, name, context);
    save(builder, name, archive);
    rmSync(context, { recursive: true });
  }
  return { name, archive, archiveBytes: statSync(archive).size, ...(digest && { digest }) };
}

async function ownImage(contents: ImageContents, context: string, { tag, out }: BuildOptions): Promise<OciImage> {
  const { containerfile, bill } = await writeContext(contents, context, tag);
  const layers = [];
  for (const layer of containerfile.layers) layers.push(await compressLayer(join(context, layer), layerCache));
  rmSync(context, { recursive: true });
  writeBill(contents, bill, out);
  const annotations = { [billAnnotation]: JSON.stringify(bill) };
  return { architecture: contents.architecture, config: containerfile.config, layers, annotations };
}

function writeBill({ name, architecture }: ImageContents, bill: object, out: string): void {
  writeFileSync(join(out, `tulle-${name}.${architecture}.spdx.json`), `${JSON.stringify(bill, null, 2)}\n`);
}

/** Writes what a container tool builds from, and tells what the image has of others. */
async function writeContext({ name, architecture, layers }: ImageContents, context: string, tag: string) {
  const source = join(root, 'images', name, 'Containerfile');
  const text = readFileSync(source, 'utf8');
  const containerfile = parseContainerfile(text, source);
  rmSync(context, { recursive: true, force: true });
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'Containerfile'), text);
  const made = layers();
  const archives = made.map(({ archive }) => archive);
  if (`${archives}` !== `${containerfile.layers}`) {
    throw new Error(`${source} adds ${containerfile.layers}, but images/contents.ts makes ${archives}`);
  }
  for (const { archive, layer } of made) {
    await pipeline(Readable.from(layer.tar()), createWriteStream(join(context, archive)));
  }
  const system = new Map(made.flatMap(({ layer }) => layer.systemPackages().map((each) => [each.name, each])));
  return { containerfile, bill: billOfMaterials(name, tag, architecture, [...system.values()]) };
}
