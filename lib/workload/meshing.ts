import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { annotateManifest, injectManifest } from '../inject/inject-manifest.ts';
import type { Manifest } from '../inject/kubernetes.ts';
import { templatePath } from '../inject/workload.ts';
import { installationOf } from '../mesh/installation.ts';
import { leadServicesOf } from './explicit-services.ts';
import { Injection } from './injection.ts';
import { annotationsOf, type MeshOptions } from './mesh-options.ts';
import { failOnMistakes } from './mistakes.ts';

/** Whether a construct is an object that makes pods, of whatever library. */
export function isMeshable(construct: IConstruct): construct is ApiObject {
  return ApiObject.isApiObject(construct) && templatePath(construct as ApiObject & Manifest) !== undefined;
}

/**
 * Meshes one object as it is rendered. The instance's `toJson` is wrapped, for what cdk8s-plus-27 generates drops
 * fields that it does not know, a native sidecar's `restartPolicy` among them, after patches have been applied.
 *
 * Mistakes in annotations fail the synth, also where the sidecar is only asked for and the webhook would find them.
 * They are told here and not by a validation, because cdk8s runs every validation once for each chart of the app.
 */
export function meshApiObject(object: ApiObject, options: MeshOptions): void {
  const injection = options.injection ?? Injection.webhook();
  const context = { request: injection._mode, annotations: annotationsOf(options) };
  const render: () => Manifest = object.toJson.bind(object);

  object.toJson = () => {
    const manifest = render();
    const config = installationOf(object);
    const injected = injectManifest(manifest, config, context);
    failOnMistakes(
      object,
      injected.reports.flatMap(({ problems }) => problems),
    );
    return injection._by === 'static' ? injected.object : annotateManifest(manifest, config, context).object;
  };
  if (injection._by === 'static') leadServicesOf(object);
}
