import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
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

/** Architectures as Go names them. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

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

/**
 * Writes an image to `out` as an archive that `ctr images import`, `docker load`, `podman load` and `kind load
 * image-archive` read: an OCI image layout with the manifest of docker's own format beside it. Returns the digest of the
 * image's manifest; it depends on nothing but `config` and `layers`.
 */
export async function writeOciArchive(
  name: string,
  config: ImageConfig,
  layers: readonly LayerBlob[],
  out: string,
): Promise<string> {
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

  const image = blob(
    json({
      created: '1970-01-01T00:00:00Z',
      architecture,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
    'application/vnd.oci.image.config.v1+json',
  );
  const manifest = blob(
    json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: image,
      layers: layers.map(({ file }) => blob(readFileSync(file), 'application/vnd.oci.image.layer.v1.tar+gzip')),
    }),
    'application/vnd.oci.image.manifest.v1+json',
  );
  const annotations = { 'io.containerd.image.name': fullName(name), 'org.opencontainers.image.ref.name': tagOf(name) };
  put('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  put(
    'index.json',
    json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...manifest, annotations }],
    }),
  );
  put(
    'manifest.json',
    json([{ Config: blobPath(image.digest), RepoTags: [name], Layers: layers.map(({ digest }) => blobPath(digest)) }]),
  );
  await pipeline(Readable.from(tar(entries)), createWriteStream(out));
  return manifest.digest;
}

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
