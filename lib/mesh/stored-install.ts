import { type GivenProps, givenProps, installOf, type MeshInstall } from './install.ts';
import type { MeshProps } from './mesh-props.ts';

/** What an install was asked for. A later version adds its own defaults, so that what nobody has set follows it. */
export interface StoredInstall {
  readonly given: GivenProps;
}

export const storeInstall = ({ given }: MeshInstall): StoredInstall => ({ given });

/**
 * The install that was stored, on the defaults of this version, with what `props` say anew: a setting that is given as its
 * default goes back to it. The version of the images is this one's unless `props` name another. Throws as `meshInstall`
 * does.
 */
export function upgradeInstall(stored: StoredInstall, props: MeshProps = {}): MeshInstall {
  const { version: _version, settings: before, ...kept } = stored.given;
  const { settings: now, ...given } = givenProps(props);
  const settings = { ...before, ...now };
  const components = { ...kept.components, ...given.components };
  const { namespace } = stored.given;
  return installOf({
    ...kept,
    ...given,
    ...(Object.keys(settings).length > 0 ? { settings } : {}),
    ...(Object.keys(components).length > 0 ? { components } : {}),
    ...(namespace === undefined ? {} : { namespace }),
  });
}
