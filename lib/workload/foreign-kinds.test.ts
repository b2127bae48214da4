import { join } from 'node:path';
import { ApiObject, App, Chart, Include } from 'cdk8s';
import { expect, it, vi } from 'vitest';
import { Injection, MeshInjection, type MeshOptions, MeshWarnings } from '../index.ts';
import type { Manifest } from '../inject/kubernetes.ts';
import { templateAt, templatePath } from '../inject/workload.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const manifests = (file: string) => join(import.meta.dirname, 'testing/manifests', `${file}.yaml`);

function mesh(file: string, options: MeshOptions = {}) {
  const app = new App();
  const chart = new Chart(app, 'chart', { namespace: 'shop' });
  new Include(chart, 'include', { url: manifests(file) });
  chart.with(new MeshInjection(options));
  app.synthYaml();
  return { app, objects: chart.toJson() as Manifest[] };
}

/** Of the pods of each object: `[kind, name, what it asks for, containers]`. */
const pods = (objects: readonly Manifest[]) =>
  objects.map((object) => {
    const path = templatePath(object);
    const template = path && templateAt(object, path);
    const all = [...(template?.spec?.initContainers ?? []), ...(template?.spec?.containers ?? [])];
    const asked = template?.metadata?.annotations?.['tulle.dev/inject'] ?? 'nothing';
    return `${object.kind} ${object.metadata?.name}: ${asked}, ${all.map(({ name }) => name).join(' ')}`;
  });

it('Rollouts of Argo are meshed, and where they refer to a Deployment its pods are', () => {
  const asked = mesh('argo-rollouts').objects;
  expect(asked[0]).toMatchSnapshot();
  expect(pods(asked)).toEqual([
    'Rollout rollouts-demo: enabled, rollouts-demo',
    'Rollout rollout-ref-deployment: nothing, ',
    'Deployment rollout-ref-deployment: enabled, rollouts-demo',
  ]);
  const { objects } = mesh('argo-rollouts', { injection: Injection.static() });
  expect(pods(objects)).toEqual([
    'Rollout rollouts-demo: enabled, tulle-init tulle-proxy rollouts-demo',
    'Rollout rollout-ref-deployment: nothing, ',
    'Deployment rollout-ref-deployment: enabled, tulle-init tulle-proxy rollouts-demo',
  ]);
});

it('every kind of OpenKruise that makes pods is meshed, and who keeps them elsewhere is warned of', () => {
  const { app, objects } = mesh('openkruise', { injection: Injection.static() });
  expect(pods(objects)).toEqual([
    'CloneSet clone-set: enabled, tulle-init tulle-proxy nginx',
    'StatefulSet stateful-set: enabled, tulle-init tulle-proxy main',
    'DaemonSet daemon-set: enabled, tulle-init tulle-proxy agent',
    'BroadcastJob broadcast-job: enabled, tulle-init tulle-proxy pi',
    'AdvancedCronJob cron-of-jobs: enabled, tulle-init tulle-proxy pi',
    'AdvancedCronJob cron-of-broadcast-jobs: enabled, tulle-init tulle-proxy pi',
    'UnitedDeployment united-deployment: nothing, ',
  ]);
  expect(MeshWarnings.of(app)).toEqual([
    {
      path: 'chart/include/united-deployment-uniteddeployment',
      code: 'TULLE_NOT_MESHED',
      message:
        'uniteddeployment/united-deployment gets no sidecar: its kind is not known, and its pods stand at ' +
        'spec.template.statefulSetTemplate.spec.template: annotate these, or their namespace',
    },
  ]);
});

it('a workload that can have no sidecar is warned of, unless it wants none', () => {
  const app = new App();
  const chart = new Chart(app, 'chart');
  const pod = (name: string, annotations = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: { hostNetwork: true, containers: [{ name, image: name }] },
  });
  new ApiObject(chart, 'agent', pod('agent'));
  new ApiObject(chart, 'alone', pod('alone', { 'tulle.dev/inject': 'disabled' }));
  new ApiObject(chart, 'list', { apiVersion: 'v1', kind: 'List', items: [pod('one'), pod('two')] });
  chart.with(new MeshInjection());
  app.synthYaml();
  app.synthYaml();
  expect(MeshWarnings.of(app).map(({ message }) => message)).toEqual([
    'pod/agent gets no sidecar: hostNetwork is enabled',
    'pod/one gets no sidecar: hostNetwork is enabled',
    'pod/two gets no sidecar: hostNetwork is enabled',
  ]);
});
