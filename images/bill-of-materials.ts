import { createHash } from 'node:crypto';
import packageJson from '../package.json' with { type: 'json' };
import type { Architecture } from './architecture.ts';
import { bundledPackages, programs } from './bundled-packages.ts';
import type { ImageName } from './contents.ts';
import type { SystemPackage } from './sysroot.ts';

/** Under this name a manifest has it. */
export const billAnnotation = 'dev.tulle.sbom.spdx';

/**
 * What an image has of others, in SPDX 2.3: the runtime, the packages in its bundles, and the packages of Debian that its
 * programs and libraries are of. Scanners for known weaknesses read it: the image has no package database, and
 * `npm audit --omit=dev` sees nothing of a bundle. It dates from 1970, as the image does: the same contents have the same bill.
 */
export function billOfMaterials(
  image: ImageName,
  tag: string,
  architecture: Architecture,
  system: readonly SystemPackage[],
): object {
  const { runtime } = programs[image];
  const parts = [
    npmPart(runtime, packageJson.devDependencies[runtime]),
    ...bundledPackages(image).map(({ name, version, license }) => npmPart(name, version, license)),
    ...system.map(({ name, version }) =>
      part(name, version, `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`),
    ),
  ];
  const name = `tulle-${image}`;
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const whole = part(name, tag, `pkg:oci/${name}?arch=${architecture}`);
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${tag}-${architecture}`,
    documentNamespace: `https://spdx.org/spdxdocs/${name}-${tag}-${architecture}-${digest}`,
    creationInfo: { created: '1970-01-01T00:00:00Z', creators: [`Tool: tulle-images-${packageJson.version}`] },
    packages: [{ ...whole, primaryPackagePurpose: 'CONTAINER' }, ...parts],
    relationships: [
      related('SPDXRef-DOCUMENT', 'DESCRIBES', whole.SPDXID),
      ...parts.map(({ SPDXID }) => related(whole.SPDXID, 'CONTAINS', SPDXID)),
    ],
  };
}

interface Part {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
}

function part(name: string, version: string, purl: string, license = 'NOASSERTION'): Part {
  return {
    SPDXID: `SPDXRef-${purl.replace(/^pkg:/, '').replaceAll(/[^A-Za-z0-9.]+/g, '-')}`,
    name,
    versionInfo: version,
    ...{ downloadLocation: 'NOASSERTION', filesAnalyzed: false, copyrightText: 'NOASSERTION' },
    ...{ licenseConcluded: 'NOASSERTION', licenseDeclared: license },
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
  } as Part;
}

const npmPart = (name: string, version: string, license?: string): Part =>
  part(name, version, `pkg:npm/${name.replace('@', '%40')}@${version}`, license);

const related = (from: string, relationshipType: string, to: string): object => ({
  ...{ spdxElementId: from, relationshipType, relatedSpdxElement: to },
});
