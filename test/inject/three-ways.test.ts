import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Testing, Yaml } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-27';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { run } from '../../cli/testing/run.ts';
import { admit } from '../../control-plane/injector/testing/admit.ts';
import { Injection, MeshedDeployment } from '../../lib/index.ts';
import { injectConfig, injectManifest, injectPod, type Manifest, type PodTemplate } from '../../lib/inject/index.ts';
import { templateAt, templatePath } from '../../lib/inject/workload.ts';

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
  'constructs, command line and the function itself make the same pod, byte for byte: %s',
  async (mode) => {
    const chart = Testing.chart();
    const injection = mode === 'enabled' ? Injection.static() : Injection.explicit();
    new MeshedDeployment(chart, 'web', { containers, podMetadata, mesh: { injection } });
    const [byConstruct] = Testing.synth(chart);

    const flag = mode === 'enabled' ? '--manual' : '--explicit';
    const byCommand = parse((await run(['inject', flag, '-'], { input: stringify(plain()) })).out) as Manifest;

    const deployment = plain();
    const { template } = deployment.spec as { template: PodTemplate };
    const annotations = { ...template.metadata?.annotations, 'tulle.dev/inject': mode };
    const annotated = { ...template, metadata: { ...template.metadata, annotations } };
    const owner = { kind: 'Deployment', name: deployment.metadata?.name as string };
    const { pod: byFunction } = injectPod(annotated, injectConfig(), { owner });

    expect(podOf(byCommand)).toBe(podOf(byConstruct));
    expect(stringify(byFunction)).toBe(podOf(byConstruct));
    expect(podOf(byConstruct)).toContain('name: tulle-proxy');
  },
);

/** Every object of the goldens' inputs, in the namespace that the API server would put it in. */
function inputs(): [string, Manifest][] {
  const folder = import.meta.dirname;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.input.yaml'))
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(folder, file), 'utf8'))
        .map((document) => document.toJS() as Manifest)
        .flatMap((manifest) => manifest.items ?? [manifest])
        .map((manifest): [string, Manifest] => {
          const metadata = { namespace: 'default', ...manifest.metadata };
          return [`${file}: ${manifest.kind}`, { ...manifest, metadata }];
        }),
    );
}

const namespaces = new Map(
  inputs()
    .filter(([, { kind }]) => kind === 'Namespace')
    .map(([, { metadata = {} }]) => [metadata.name as string, metadata]),
);
const withPods = inputs().filter(([, manifest]) => templateAt(manifest, templatePath(manifest) ?? ['none']));

it.each(withPods)('the webhook makes the same pod of what a controller makes of %s', async (_, manifest) => {
  const path = templatePath(manifest) as readonly string[];
  const template = templateAt(manifest, path) as PodTemplate;
  const expected = templateAt(injectManifest(manifest, injectConfig(), { namespaces }).object, path) as PodTemplate;

  const { apiVersion, kind, metadata } = manifest;
  const owner = { apiVersion, kind: kind as string, name: metadata?.name as string, controller: true };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template.metadata,
      namespace: metadata?.namespace,
      ...(path.length > 0 ? { ownerReferences: [owner] } : {}),
    },
    spec: template.spec,
  };
  const admitted = (await admit(pod, { namespaces })).object;
  expect(admitted.spec).toEqual(expected.spec);
  expect(admitted.metadata).toEqual({ ...pod.metadata, ...expected.metadata });
});

it('the webhook makes the same Service', async () => {
  const services = inputs().filter(([, { kind }]) => kind === 'Service');
  expect(services.length).toBeGreaterThan(0);
  for (const [, service] of services) {
    const { object } = injectManifest(service, injectConfig(), { namespaces });
    expect((await admit(service, { namespaces })).object).toEqual(object);
  }
});
