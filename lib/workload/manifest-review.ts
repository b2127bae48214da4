import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { type Finding, lineOf } from '../validation/finding.ts';
import { nameOf } from '../validation/manifest-model.ts';
import { review } from '../validation/review.ts';
import { rulesOfSynth } from '../validation/rules/index.ts';
import { AppView, type RenderedObject } from './app-view.ts';
import { type MeshWarningCode, warn } from './warnings.ts';
import { failOn } from './workload-policies.ts';

/** The errors of the synth under way that their own constructs tell. */
const errors = new WeakMap<AppView, ReadonlyMap<ApiObject, readonly string[]>>();
/** Of objects whose errors are told by a validation of a construct: that construct. */
const speakers = new WeakMap<ApiObject, IConstruct>();

/** Codes of the rules that warn: silenced by them, and listed in docs/guides/constructs.md. */
const codes: ReadonlyMap<string, MeshWarningCode> = new Map([
  ['scrape-shut-out', 'TULLE_SCRAPE_REFUSED'],
  ['unknown-account', 'TULLE_NO_ACCOUNT'],
  ['backend-weights', 'TULLE_PARTIAL_WEIGHTS'],
  ['gateway-schema', 'TULLE_GATEWAY_FIELD'],
  ['ungranted-backend', 'TULLE_NO_GRANT'],
  ['route-without-clients', 'TULLE_NO_CLIENT'],
  ['allows-nobody', 'TULLE_NO_AUTHENTICATION'],
]);

/** Has a construct tell what is wrong with its object: by `errorsOf`, in its own validation. */
export function speakFor(object: ApiObject, speaker: IConstruct): void {
  speakers.set(object, speaker);
}

/** What the rules have found wrong with an object in the synth under way, which has been looked at by then. */
export const errorsOf = (object: ApiObject): readonly string[] =>
  errors.get(AppView.of(object.node.root))?.get(object) ?? [];

/**
 * Looks at all objects of an app by the rules that plain manifests are held to, too. Warns of what may not be meant, and
 * fails the synth for what cannot work, unless constructs are going to, each with what concerns it.
 */
export function reviewManifests(root: IConstruct): void {
  const view = AppView.of(root);
  const found = new Map<ApiObject, string[]>();
  for (const finding of review(view, rulesOfSynth)) {
    const { construct } = finding.at;
    const code = codes.get(finding.rule);
    if (finding.severity === 'error') found.set(construct, [...(found.get(construct) ?? []), textOf(finding)]);
    else if (code !== undefined) warn(construct, code, textOf(finding));
  }
  errors.set(view, found);
  if ([...found.keys()].every((object) => speakers.has(object))) return;
  failOn(
    [...found].flatMap(([object, texts]) => {
      const { path } = (speakers.get(object) ?? object).node;
      return texts.map((text) => `  [${path}] ${text}`);
    }),
    'Objects of the mesh cannot work as they are written',
  );
}

/** The construct tells which object it is, but of Lists, and where the message begins with it. */
const textOf = (finding: Finding<RenderedObject>): string =>
  finding.field === '' || finding.at.construct.kind !== finding.at.manifest.kind
    ? `${nameOf(finding.at.manifest)}: ${lineOf(finding)}`
    : lineOf(finding);
