import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Layer } from '../../../images/layer.ts';
import { writeOciArchive } from '../../../images/oci-archive.ts';
import { type Built, goProgram } from '../../go/go-program.ts';
import type { LoadableImage } from '../own-cluster.ts';
import { compressed } from '../tools-image.ts';

/** The application of the conformance suite, which suite/application_test.go puts into its manifests. */
export const echoImage = 'docker.io/tulle-test/echo:1';

const echoProgram = (): Promise<Built> =>
  goProgram({ name: 'echo', module: import.meta.dirname, build: ['build', './echo'], timeoutMs: 240_000 });

/** Writes the image of that application; undefined where this machine has no Go to build it. */
export async function buildEchoImage(out: string): Promise<LoadableImage | undefined> {
  const program = await echoProgram();
  if ('missing' in program) return undefined;
  mkdirSync(out, { recursive: true });
  const layer = new Layer().copy('/usr/bin/server', program.path, { mode: 0o755 }).symlink('/usr/bin/client', 'server');
  const config = { User: '65534:65534', Env: ['PATH=/usr/bin'], Entrypoint: ['server'] };
  const archive = join(out, 'echo.tar');
  return {
    name: echoImage,
    archive,
    digest: await writeOciArchive(echoImage, config, [await compressed(layer, out)], archive),
  };
}
