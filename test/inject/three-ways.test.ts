import { Testing, Yaml } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-27';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { run } from '../../cli/testing/run.ts';
import { Injection, MeshedDeployment } from '../../lib/index.ts';
import { injectConfig, injectPod, type Manifest, type PodTemplate } from '../../lib/inject/index.ts';

const containers = [{ image: 'shop/web:2.0', portNumber: 8080 }];
const podMetadata = { annotations: { 'config.tulle.dev/opaque-ports': '8080' } };
const podOf = (manifest: Manifest) => stringify((manifest.spec as { template: PodTemplate }).template);

/** The same workload without the mesh, as the command line reads it from a file. */
function plain(): Manifest {
  const chart = Testing.chart();
  new Deployment(chart, 'web', { containers, podMetadata });
  return parse(Yaml.stringify(...Testing.synth(chart)));
}

it.each(['enabled', 'explicit'] as const)(
  'constructs, command line and webhook make the same pod, byte for byte: %s',
  async (mode) => {
    const chart = Testing.chart();
    const injection = mode === 'enabled' ? Injection.static() : Injection.explicit();
    new MeshedDeployment(chart, 'web', { containers, podMetadata, mesh: { injection } });
    const [byConstruct] = Testing.synth(chart);

    const flag = mode === 'enabled' ? '--manual' : '--explicit';
    const byCommand = parse((await run(['inject', flag, '-'], { input: stringify(plain()) })).out) as Manifest;

    // On admission the pod carries the annotation, and the webhook has looked up the workload that owns it.
    const deployment = plain();
    const { template } = deployment.spec as { template: PodTemplate };
    const annotations = { ...template.metadata?.annotations, 'tulle.dev/inject': mode };
    const { pod: byWebhook } = injectPod(
      { ...template, metadata: { ...template.metadata, annotations } },
      injectConfig(),
      {
        owner: { kind: 'Deployment', name: deployment.metadata?.name as string },
      },
    );

    expect(podOf(byCommand)).toBe(podOf(byConstruct));
    expect(stringify(byWebhook)).toBe(podOf(byConstruct));
    expect(podOf(byConstruct)).toContain('name: tulle-proxy');
  },
);
