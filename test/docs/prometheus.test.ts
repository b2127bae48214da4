import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { Injection, Mesh, MeshedDeployment } from '../../lib/index.ts';
import { MeshModel } from '../../model/index.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/guides/prometheus.md'), 'utf8');
const saved = (name: string): string => new RegExp(`^\`\`\`yaml ${name}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)![1];

interface Container {
  readonly name: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}
interface Relabeling {
  readonly source_labels?: readonly string[];
  readonly regex?: string;
  readonly action?: string;
}

/** The ports that a job keeps, `container:port`, of those that Prometheus finds: a target for each port of a container. */
function kept(job: string, objects: readonly object[]): string[] {
  const { scrape_configs: jobs } = parse(saved('prometheus.yaml'));
  const rules: Relabeling[] = jobs.find(({ job_name }: { job_name: string }) => job_name === job).relabel_configs;
  const keeps = rules.filter(({ action }) => action === 'keep');
  expect(keeps).toHaveLength(1);
  const [{ source_labels: labels = [], regex }] = keeps;
  return objects.flatMap((object) => {
    const spec = (object as { spec?: { template?: { spec?: Record<string, Container[] | undefined> } } }).spec?.template
      ?.spec;
    const containers = [...(spec?.['containers'] ?? []), ...(spec?.['initContainers'] ?? [])];
    return containers.flatMap(({ name, ports = [] }) =>
      ports
        .filter((port) => {
          const values: Readonly<Record<string, string>> = {
            __meta_kubernetes_pod_container_name: name,
            __meta_kubernetes_pod_container_port_name: port.name ?? '',
          };
          return new RegExp(`^(?:${regex})$`).test(labels.map((label) => values[label]).join(';'));
        })
        .map(({ containerPort }) => `${name}:${containerPort}`),
    );
  });
}

const app = new App();
const tulle = new Chart(app, 'tulle');
new Mesh(tulle, 'mesh', { tap: true });
const shop = new Chart(app, 'shop', { namespace: 'shop' });
const containers = [{ image: 'shop/web:2.0', portNumber: 8080 }];
new MeshedDeployment(shop, 'web', { containers, mesh: { injection: Injection.static() } });
new MeshedDeployment(shop, 'job', {
  containers,
  mesh: { injection: Injection.static(), proxy: { nativeSidecar: false } },
});

it('the scrape config finds each sidecar once, native or not, and nothing of the application', () => {
  expect(kept('tulle-proxy', Testing.synth(shop))).toEqual(['tulle-proxy:4191', 'tulle-proxy:4191']);
});

it('the scrape config finds each component of the control plane', () => {
  const components = ['identity:9990', 'destination:9996', 'proxy-injector:9995', 'tap:9998'];
  expect(kept('tulle-controller', Testing.synth(tulle)).toSorted()).toEqual(components.toSorted());
  for (const port of components.map((component) => component.split(':')[1])) expect(page).toContain(port);
});

it('the policy for scrapes is what the schemas of its kinds allow', () => {
  const objects = [saved('scrapes.yaml'), saved('networks.yaml')].flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as object),
  );
  expect(objects).toHaveLength(3);
  expect(MeshModel.fromObjects(objects).problems).toEqual([]);
});
