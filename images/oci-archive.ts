import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Architecture, ownArchitecture } from './architecture.ts';
import type { ImageConfig } from './containerfile.ts';
import { type TarEntry, tar } from './tar.ts';

/** A compressed layer on disk. */
export interface LayerBlob {
  readonly file: string;
  /** Of the archive before compression. */
  readonly diffId: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** `docker load` and every containerd read gzip; zstd would save a fifth (docs/decisions/0005-images-from-scratch.md). */
const compressionLevel = 9;

/**
 * Compresses the tar archive at `file`. Compressed layers stay in `cache` by the digest of the archive, as those with
 * a runtime in them take a while.
 */
export async function compressLayer(file: string, cache: string): Promise<LayerBlob> {
  const diffId = await sha256(file);
  mkdirSync(cache, { recursive: true });
  const blob = join(cache, `${diffId}.tar.gz`);
  if (!existsSync(blob)) {
    const partial = `${blob}.${process.pid}`;
    try {
      await pipeline(createReadStream(file), createGzip({ level: compressionLevel }), createWriteStream(partial));
      renameSync(partial, blob);
    } finally {
      rmSync(partial, { force: true });
    }
  }
  const bytes = readFileSync(blob);
  return { file: blob, diffId: `sha256:${diffId}`, digest: digestOf(bytes), sizeBytes: bytes.length };
}

/** An image of one architecture. */
export interface OciImage {
  readonly architecture: Architecture;
  readonly config: ImageConfig;
  readonly layers: readonly LayerBlob[];
  /** Of its manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Writes an image of this machine's architecture; the rest is as `writeOciImages` says. */
export const writeOciArchive = (
  name: string,
  config: ImageConfig,
  layers: readonly LayerBlob[],
  out: string,
): Promise<string> => writeOciImages(name, [{ architecture: ownArchitecture, config, layers }], out);

/**
 * Writes images of one name to `out` as an archive that `ctr images import`, `docker load`, `podman load` and `kind load
 * image-archive` read: an OCI image layout, of several architectures with an index, and the manifest of docker's own format
 * beside it, which has one: this machine's, where that is among them. Returns the digest of what the name stands for, manifest or
 * index; it depends on nothing but `images`.
 */
export async function writeOciImages(name: string, images: readonly OciImage[], out: string): Promise<string> {
  const entries = new Map<string, TarEntry>();
  const put = (path: string, content: Uint8Array): void => {
    entries.set(path, { kind: 'file', mode: 0o644, content });
  };
  const blob = (content: Uint8Array, mediaType: string) => {
    const digest = digestOf(content);
    put(blobPath(digest), content);
    return { mediaType, digest, size: content.length };
  };
  for (const folder of ['blobs', 'blobs/sha256']) entries.set(folder, { kind: 'directory', mode: 0o755 });

  const written = images.map((image) => ({ image, ...writeImage(image, blob) }));
  const [first] = written;
  const top = written.length === 1 ? first.manifest : blob(json(indexOf(written)), mediaTypes.index);
  const annotations = { 'io.containerd.image.name': fullName(name), 'org.opencontainers.image.ref.name': tagOf(name) };
  put('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  put('index.json', json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [{ ...top, annotations }] }));
  const docker = written.find(({ image }) => image.architecture === ownArchitecture) ?? first;
  put(
    'manifest.json',
    json([
      {
        Config: blobPath(docker.config.digest),
        RepoTags: [name],
        Layers: docker.image.layers.map(({ digest }) => blobPath(digest)),
      },
    ]),
  );
  await pipeline(Readable.from(tar(entries)), createWriteStream(out));
  return top.digest;
}

const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function writeImage(
  { architecture, config, layers, annotations }: OciImage,
  blob: (content: Uint8Array, mediaType: string) => Descriptor,
): { config: Descriptor; manifest: Descriptor } {
  const image = blob(
    json({
      created: '1970-01-01T00:00:00Z',
      architecture,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
    mediaTypes.config,
  );
  const manifest = blob(
    json({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: image,
      layers: layers.map(({ file }) => blob(readFileSync(file), mediaTypes.layer)),
      ...(annotations && { annotations }),
    }),
    mediaTypes.manifest,
  );
  return { config: image, manifest };
}

const indexOf = (images: readonly { readonly image: OciImage; readonly manifest: Descriptor }[]): object => ({
  schemaVersion: 2,
  mediaType: mediaTypes.index,
  manifests: images.map(({ image: { architecture }, manifest }) => ({
    ...manifest,
    platform: { architecture, os: 'linux' },
  })),
});

/** The name as containerd and the kubelet keep it: with docker's registry where none is named. */
export function fullName(name: string): string {
  const [first, ...rest] = name.split('/');
  if (rest.length === 0) return `docker.io/library/${name}`;
  return /[.:]|^localhost$/.test(first) ? name : `docker.io/${name}`;
}

const tagOf = (name: string): string => name.slice(name.lastIndexOf(':') + 1);
const blobPath = (digest: string): string => `blobs/${digest.replace(':', '/')}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
