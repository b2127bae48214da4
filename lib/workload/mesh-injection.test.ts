import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiObject, App, Chart, Include, Testing } from 'cdk8s';
import * as plus27 from 'cdk8s-plus-27';
import * as plus33 from 'cdk8s-plus-33';
import { expect, it } from 'vitest';
import { Injection, MeshedDeployment, MeshInjection } from '../index.ts';

const containers = [{ image: 'shop/web:2.0', portNumber: 8080 }];
const raw = (name: string, annotations?: Record<string, string>) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { template: { metadata: { annotations }, spec: { containers: [{ name: 'web', image: 'shop/web:2.0' }] } } },
});

function chartOfEverything() {
  const chart = Testing.chart();
  new plus27.Deployment(chart, 'plus-27', { containers });
  new plus33.Deployment(chart, 'plus-33', { containers });

  new ApiObject(chart, 'raw', raw('raw'));
  const folder = mkdtempSync(join(tmpdir(), 'tulle-include-'));
  const file = join(folder, 'chart.yaml');
  writeFileSync(file, JSON.stringify(raw('included')));
  new Include(chart, 'include', { url: file });
  rmSync(folder, { recursive: true });
  new ApiObject(chart, 'settings', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } });
  return chart;
}

type PodMetadata = { annotations: Record<string, string> };
type PodSpec = { initContainers?: { name: string; restartPolicy?: string }[] };
type Rendered = { kind: string; spec: { template: { metadata: PodMetadata; spec: PodSpec } } };

it.each([
  ['annotates', Injection.webhook(), []],
  ['injects', Injection.static(), ['tulle-init', 'tulle-proxy:Always']],
])('%s whatever makes pods: cdk8s-plus of any version, raw ApiObjects, Include', (_, injection, sidecar) => {
  const chart = chartOfEverything();
  chart.with(new MeshInjection({ injection }));
  const objects = Testing.synth(chart) as Rendered[];
  const deployments = objects.filter(({ kind }) => kind === 'Deployment');
  expect(deployments).toHaveLength(4);
  for (const { spec } of deployments) {
    expect(spec.template.metadata.annotations['tulle.dev/inject']).toBe('enabled');
    const names = (spec.template.spec.initContainers ?? []).map(
      ({ name, restartPolicy }: { name: string; restartPolicy?: string }) =>
        restartPolicy ? `${name}:${restartPolicy}` : name,
    );
    expect(names).toEqual(sidecar);
  }
  expect(objects.find(({ kind }) => kind === 'ConfigMap')).toEqual(
    Testing.synth(chartOfEverything()).find(({ kind }: Rendered) => kind === 'ConfigMap'),
  );
});

it("keeps the word of those that say themselves what they want, a MeshedDeployment's options among them", () => {
  const chart = Testing.chart();
  new MeshedDeployment(chart, 'explicit', { containers, mesh: { injection: Injection.explicit() } });
  new MeshedDeployment(chart, 'disabled', { containers, mesh: { injection: Injection.disabled() } });
  new ApiObject(chart, 'off', raw('off', { 'tulle.dev/inject': 'disabled' }));
  const before = Testing.synth(chart);
  chart.with(new MeshInjection({ injection: Injection.static() }));
  expect(Testing.synth(chart)).toEqual(before);
});

it('meshes once, however often it is applied', () => {
  const chart = Testing.chart();
  new plus33.Deployment(chart, 'web', { containers });
  chart.with(new MeshInjection({ injection: Injection.static() }));
  const once = Testing.synth(chart);
  chart.with(new MeshInjection({ injection: Injection.static() }), new MeshInjection());
  expect(Testing.synth(chart)).toEqual(once);
});

it('renders each workload once in a synth, however many charts there are', () => {
  const app = new App();
  let rendered = 0;
  for (const id of ['a', 'b', 'c', 'd']) {
    const workload = new ApiObject(new Chart(app, id), 'web', raw('web'));
    const render = workload.toJson.bind(workload);
    workload.toJson = () => {
      rendered += 1;
      return render();
    };
    workload.with(new MeshInjection());
  }
  app.synthYaml();
  expect(rendered).toBe(4);
});

it('leads Services to the sidecars in explicit mode, in whatever order they were made', () => {
  const chart = Testing.chart();
  const service = (name: string) =>
    new ApiObject(chart, name, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
  service('before');
  const containers = [{ name: 'web', image: 'shop/web:2.0', ports: [{ containerPort: 8080 }] }];
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers } };
  new ApiObject(chart, 'web', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { template },
  });
  chart.with(new MeshInjection({ injection: Injection.explicit() }));
  service('after');
  const services = Testing.synth(chart).filter(({ kind }) => kind === 'Service');
  expect(services.map(({ spec }) => spec.ports[0].targetPort)).toEqual(['tulle-in-8080', 'tulle-in-8080']);
});
