import packageJson from '../package.json' with { type: 'json' };
import { bundledPackages, programs } from './bundled-packages.ts';
import type { ImageName } from './contents.ts';

/**
 * What an image has of others, in CycloneDX 1.5: the runtime and the packages in its bundles. Scanners for known
 * weaknesses read it, and see what `npm audit --omit=dev` does not. Libraries of the system are not named: they are those
 * of the machine that builds the image.
 */
export function billOfMaterials(image: ImageName, tag: string): object {
  const { runtime } = programs[image];
  const npm = (name: string, version: string): string =>
    `pkg:npm/${name.startsWith('@') ? name.replace('@', '%40') : name}@${version}`;
  const library = (type: 'library' | 'platform', name: string, version: string, license?: string): object => ({
    type,
    'bom-ref': npm(name, version),
    name,
    version,
    purl: npm(name, version),
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
  });
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'container', name: `tulle-${image}`, version: tag } },
    components: [
      library('platform', runtime, packageJson.devDependencies[runtime]),
      ...bundledPackages(image).map(({ name, version, license }) => library('library', name, version, license)),
    ],
  };
}
