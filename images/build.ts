/**
 * Builds the images: `npm run images -- [options] [proxy|controller|emojivoto ...]`.
 *
 *     --registry R   put before the names; none by default
 *     --tag T        the version of the package by default
 *     --builder B    docker, podman, buildah, or own, which needs none of them; by default the first that works
 *     --out DIR      where the archives are written; dist/images by default
 *
 * Beside each archive stands what is in it of others: `tulle-<name>.cdx.json` (CycloneDX), for scanners.
 *
 * Archives are loaded with `docker load -i`, `ctr -n k8s.io images import`, `kind load image-archive`.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { billOfMaterials } from './bill-of-materials.ts';
import { type Builder, buildImage } from './build-image.ts';
import { root } from './bundle.ts';
import { containerTools, workingTool } from './container-tool.ts';
import { type ImageName, imageContents, imageNames } from './contents.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    registry: { type: 'string', default: '' },
    tag: { type: 'string', default: packageJson.version },
    builder: { type: 'string' },
    out: { type: 'string', default: join(root, 'dist/images') },
  },
});
const builder = (values.builder ?? workingTool() ?? 'own') as Builder;
const builders: readonly string[] = [...containerTools, 'own'];
const unknown = positionals.filter((name) => !imageNames.includes(name as ImageName));
if (!builders.includes(builder) || unknown.length > 0) {
  const problem = unknown.length > 0 ? `no image is called ${unknown}` : `--builder (${builder}) is not known`;
  process.stderr.write(`${problem}: builders are ${builders}, images are ${imageNames}\n`);
  process.exit(64);
}
const names = positionals.length > 0 ? (positionals as ImageName[]) : imageNames;
const { registry, tag } = values;

for (const name of names) {
  const image = await buildImage(imageContents(name), { builder, registry, tag, out: resolve(values.out) });
  const bill = JSON.stringify(billOfMaterials(name, tag), null, 2);
  writeFileSync(join(resolve(values.out), `tulle-${name}.cdx.json`), `${bill}\n`);
  const megabytes = (image.archiveBytes / 1e6).toFixed(1);
  const digest = image.digest === undefined ? `by ${builder}, not compressed` : image.digest;
  process.stdout.write(`${image.name}  ${megabytes} MB  ${image.archive}  ${digest}\n`);
}
