/**
 * Builds the images: `npm run images -- [options] [proxy|controller|emojivoto ...]`.
 *
 *     --registry R   put before the names; none by default
 *     --tag T        the version of the package by default
 *     --builder B    docker, podman, buildah, or own, which needs none of them; by default the first that works
 *     --out DIR      where the archives are written; dist/images by default
 *     --architecture amd64|arm64    this machine's by default; may be repeated, and then each archive has an index of all.
 *                    What another architecture needs is downloaded (images/inputs): only with the builder own
 *
 * Beside each archive stands what is in it of others, for scanners: `tulle-<name>.<architecture>.spdx.json`. Archives of the
 * builder own have the same in the annotation `dev.tulle.sbom.spdx` of each manifest.
 *
 * Archives are loaded with `docker load -i`, `ctr -n k8s.io images import`, `kind load image-archive`.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { type Architecture, architectures, ownArchitecture } from './architecture.ts';
import { type Builder, buildImage } from './build-image.ts';
import { root } from './bundle.ts';
import { containerTools, workingTool } from './container-tool.ts';
import { type ImageName, imageContents, imageNames } from './contents.ts';
import { foreignSysroot } from './foreign-files.ts';
import { thisMachine } from './sysroot.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    registry: { type: 'string', default: '' },
    tag: { type: 'string', default: packageJson.version },
    builder: { type: 'string' },
    out: { type: 'string', default: join(root, 'dist/images') },
    architecture: { type: 'string', multiple: true, default: [ownArchitecture] },
  },
});
const asked = [...new Set(values.architecture)] as Architecture[];
const isForeign = asked.some((architecture) => architecture !== ownArchitecture);
const builder = (values.builder ?? (isForeign ? 'own' : workingTool()) ?? 'own') as Builder;
const builders: readonly string[] = [...containerTools, 'own'];
const problems = [
  ...positionals.filter((name) => !imageNames.includes(name as ImageName)).map((name) => `no image is called ${name}`),
  ...asked.filter((name) => !architectures.includes(name)).map((name) => `--architecture (${name}) is not known`),
  ...(builders.includes(builder) ? [] : [`--builder (${builder}) is not known`]),
  ...(isForeign && builder !== 'own' ? [`--builder (${builder}) builds for this machine's architecture: use own`] : []),
];
if (problems.length > 0) {
  const known = `builders are ${builders}, images are ${imageNames}, architectures are ${architectures}`;
  process.stderr.write(`${problems.join('; ')}: ${known}\n`);
  process.exit(64);
}
const names = positionals.length > 0 ? (positionals as ImageName[]) : imageNames;
const { registry, tag } = values;
const sysroots = asked.map((name) => (name === ownArchitecture ? thisMachine : foreignSysroot(name)));

for (const name of names) {
  const [first, ...others] = sysroots.map((sysroot) => imageContents(name, sysroot));
  const image = await buildImage(first, { builder, registry, tag, out: resolve(values.out) }, ...others);
  const megabytes = (image.archiveBytes / 1e6).toFixed(1);
  const digest = image.digest === undefined ? `by ${builder}, not compressed` : image.digest;
  process.stdout.write(`${image.name}  ${megabytes} MB  ${image.archive}  ${digest}\n`);
}
