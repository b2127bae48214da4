import type { IConstruct } from 'constructs';

/** Type of the metadata that holds a warning on its construct's node, as `aws:cdk:warning` does elsewhere. */
const metadataType = 'tulle:warning';

/** What warnings are about; docs/guides/constructs.md says of each what to do. */
export type MeshWarningCode =
  | 'TULLE_NO_REQUEST'
  | 'TULLE_NOT_MESHED'
  | 'TULLE_QUOTA_REFUSES'
  | 'TULLE_PROXY_BYPASSED'
  | 'TULLE_SIDECAR_SHUT_OUT'
  | 'TULLE_NO_SERVICE'
  | 'TULLE_NO_ACCOUNT'
  | 'TULLE_NO_AUTHENTICATION'
  | 'TULLE_PARTIAL_WEIGHTS'
  | 'TULLE_GATEWAY_FIELD'
  | 'TULLE_NO_GRANT'
  | 'TULLE_NO_CLIENT'
  | 'TULLE_SCRAPE_REFUSED'
  | 'TULLE_NOT_OF_DATA_PLANE';

/** Something that synthesizes, and will not work in the cluster as it is meant. */
export interface MeshWarning {
  /** Path of the construct that it is about: `shop/quota`. */
  readonly path: string;
  /** Which kind of warning: `TULLE_QUOTA_REFUSES`. */
  readonly code: string;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/**
 * Warnings of a synth. cdk8s has no way to print any, so they come as warnings of the Node.js process, named
 * `TulleWarning`: on standard error, for listeners of `process.on('warning')`, silent with `NODE_OPTIONS=--no-warnings`.
 * Standard output, exit code and manifests are as they would be without.
 *
 * ```ts
 * app.synthYaml();
 * expect(MeshWarnings.of(app)).toEqual([]);
 * ```
 */
export class MeshWarnings {
  /** The warnings about a construct and all beneath it, of every synth so far; none before the first. */
  static of(scope: IConstruct): MeshWarning[] {
    return scope.node
      .findAll()
      .flatMap(({ node }) => warningsAt(node).map((warning) => ({ path: node.path, ...warning })));
  }

  private constructor() {}
}

/** Warns about a construct, once, however often the app is synthesized. */
export function warn(construct: IConstruct, code: MeshWarningCode, message: string): void {
  const { node } = construct;
  if (warningsAt(node).some((warning) => warning.code === code && warning.message === message)) return;
  node.addMetadata(metadataType, { code, message });
  process.emitWarning(`[${node.path}] ${message}`, { type: 'TulleWarning', code });
}

const warningsAt = ({ metadata }: IConstruct['node']): Pick<MeshWarning, 'code' | 'message'>[] =>
  metadata.filter(({ type }) => type === metadataType).map(({ data }) => data);
