import { App, Chart } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-27';
import { describe, expect, it, vi } from 'vitest';
import * as library from '../index.ts';

vi.resetModules();
const twin: typeof library = await import('../index.ts');
const chart = () => new Chart(new App(), 'shop', { namespace: 'shop' });
const containers = [{ image: 'shop/web:1', portNumber: 80 }];

describe('of two copies of the package', () => {
  it.each<[string, (made: Chart, of: typeof library) => unknown]>([
    ['a workload', (made, of) => new of.MeshedDeployment(made, 'web', { containers })],
    ['the mesh that an app is for', (made, of) => of.MeshReference.of(made, { namespace: 'mesh' })],
    [
      'what meshes others',
      (made, of) => {
        new Deployment(made, 'batch', { containers });
        made.with(new of.MeshInjection());
      },
    ],
    ['an object of policy', (made, of) => new of.NetworkAuthentication(made, 'inside', { networks: ['10.0.0.0/8'] })],
  ])('%s is refused beside what the other has made, with its path and what to do', (_, make) => {
    const both = chart();
    new library.MeshedDeployment(both, 'orders', { containers });
    expect(() => make(both, twin)).toThrow(/^\[shop.*\] is made by a copy of tulle .* in the same app, .*npm ls tulle/);
    expect(() => make(chart(), twin)).not.toThrow();
  });

  it('a value of the other is refused for what it is', () => {
    const orders = library.MeshService.of('orders', { port: 80 });
    expect(() => new library.HttpRoute(chart(), 'a', { parent: twin.MeshService.of('orders'), rules: [{}] })).toThrow(
      /^\[shop\/a\] 'parent' .* must be made by the same copy of tulle/,
    );
    const retries = { on: twin.RetryOn.serverError() };
    expect(() => new library.HttpRoute(chart(), 'b', { parent: orders, rules: [{}], retries })).toThrow(
      /^\[shop\/b\] 'retries\.on' .* must be made by the same copy of tulle/,
    );
  });
});
