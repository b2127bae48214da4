import { App, Chart, Testing } from 'cdk8s';
import { expect, it } from 'vitest';
import { Injection, Mesh, MeshedDeployment, MeshReference } from '../index.ts';

const containers = [{ image: 'shop/web:2.0', portNumber: 8080 }];

it('workloads of an app without an install know the mesh that is named', () => {
  const app = new App();
  MeshReference.of(app, { namespace: 'mesh', trustDomain: 'corp.example', registry: 'r.example/mesh', version: '9' });
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const web = new MeshedDeployment(chart, 'web', { containers, mesh: { injection: Injection.static() } });
  expect(web.mesh.identity).toBe('default.shop.serviceaccount.identity.mesh.corp.example');
  const text = JSON.stringify(Testing.synth(chart));
  expect(text).toContain('r.example/mesh/tulle-proxy:9');
  expect(text).toContain('tulle-dst-headless.mesh.svc.cluster.local.:8086');
});

it('makes the pods that the install of the same props makes', () => {
  const props = { namespace: 'mesh', opaquePorts: [5432], highAvailability: true };
  const pods = [MeshReference.of, (app: App) => new Mesh(new Chart(app, 'tulle'), 'mesh', props)].map((name) => {
    const app = new App();
    name(app, props);
    const chart = new Chart(app, 'shop');
    new MeshedDeployment(chart, 'web', { containers, mesh: { injection: Injection.static() } });
    return Testing.synth(chart);
  });
  expect(pods[0]).toEqual(pods[1]);
});

it('a prop that cannot be meant is refused where it is given', () => {
  expect(() => MeshReference.of(new App(), { namespace: 'Mesh' })).toThrow("'namespace' (Mesh) must be a DNS label");
});
