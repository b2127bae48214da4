import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { annotateManifest, injectManifest } from '../inject/inject-manifest.ts';
import type { Manifest } from '../inject/kubernetes.ts';
import { templatePath } from '../inject/workload.ts';
import { installationOf } from '../mesh/installation.ts';
import { inOneCopy } from '../props/one-copy.ts';
import { AppView, rememberAdmitted } from './app-view.ts';
import { wishForCompanion } from './companion-policies.ts';
import { Injection } from './injection.ts';
import { annotationsOf, type MeshOptions } from './mesh-options.ts';
import { failOnMistakes } from './mistakes.ts';
import { reviewApp } from './review.ts';
import { type Round, roundOf } from './synth-round.ts';
import { failOnUnfit, warnOfUnmeshed } from './unmeshed.ts';

/**
 * Whether a construct is an object that makes pods, or may: a List, or a kind of somebody else, whose contents are looked
 * at when they are rendered.
 */
export function isMeshable(construct: IConstruct): construct is ApiObject {
  if (!ApiObject.isApiObject(construct)) return false;
  const { apiVersion, kind } = construct;
  const isForeign = apiVersion.split('/')[0].includes('.') && !/\.k8s\.io\//.test(apiVersion);
  return templatePath({ apiVersion, kind }) !== undefined || kind.endsWith('List') || isForeign;
}

/** Whose word is added: that of the workload's own construct, or of a mixin over many, beneath the workload's own. */
export type Speaker = 'workload' | 'mixin';

/**
 * Meshes one object as it is rendered. The instance's `toJson` is wrapped, for what cdk8s-plus-27 generates drops
 * fields that it does not know, a native sidecar's `restartPolicy` among them, after patches have been applied.
 *
 * Mistakes in annotations fail the synth, also where the sidecar is only asked for and the webhook would find them.
 * They are told here and not by a validation, because cdk8s runs every validation once for each chart of the app.
 */
export function meshApiObject(object: ApiObject, said: () => MeshOptions, speaker: Speaker): void {
  inOneCopy(object, object.node.path);
  const options = said();
  // What cannot be meant is told where it is said; the rest may be added to until the object is rendered.
  annotationsOf(options);
  const injection = options.injection ?? Injection.webhook();
  const render: () => Manifest = object.toJson.bind(object);

  const meshed = (): Manifest => {
    const manifest = render();
    const config = installationOf(object);
    const context = {
      request: injection._mode,
      annotations: annotationsOf(said()),
      ...(speaker === 'mixin' ? { ownWordStands: true } : {}),
    };
    const { namespaces } = AppView.of(object.node.root);
    const injected = injectManifest(manifest, config, { ...context, namespaces });
    failOnMistakes(
      object,
      injected.reports.flatMap(({ problems }) => problems),
    );
    if (injection._mode !== 'disabled') (speaker === 'workload' ? failOnUnfit : warnOfUnmeshed)(object, manifest);
    if (injection._by === 'static') return injected.object;
    const annotated = annotateManifest(manifest, config, context).object;
    rememberAdmitted(annotated, injected.object);
    return annotated;
  };
  object.toJson = oncePerRound(object, meshed);
  wishForCompanion(object, speaker, options.networkPolicy);
  reviewApp(object);
}

/**
 * An object is rendered when the app is looked at, and again when it is written: in one synth both get the same. Injection is
 * most of what a synth of many workloads takes.
 */
function oncePerRound(object: ApiObject, render: () => Manifest): () => Manifest {
  let known: { readonly round: Round; readonly manifest: Manifest } | undefined;
  return () => {
    const round = roundOf(object.node.root);
    if (round === undefined) return render();
    if (known?.round !== round) known = { round, manifest: render() };
    return known.manifest;
  };
}
