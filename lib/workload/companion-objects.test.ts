import { readdirSync } from 'node:fs';
import { ApiObject, App, Chart, Testing, YamlOutputType } from 'cdk8s';
import { describe, expect, it, vi } from 'vitest';
import { Injection, MeshInjection, MeshWarnings } from '../index.ts';
import { companionsIn, denyAll, manifestsOf, shopOf } from './testing/shop.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const webhook = Injection.webhook();
const explicit = Injection.explicit();

describe('the policy that a workload gets', () => {
  it('selects its pods alone, also where others have their labels and more', () => {
    const shop = shopOf({ injection: webhook });
    const metadata = { labels: { app: 'web', tier: 'canary' } };
    new ApiObject(shop.chart, 'canary', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'canary' },
      spec: {
        selector: { matchLabels: { tier: 'canary' } },
        template: { metadata, spec: { containers: [{ name: 'c', image: 'c' }] } },
      },
    });
    const legacy = new ApiObject(shop.chart, 'legacy', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'legacy' },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'c' }] } },
      },
    });
    shop.policy('policy', denyAll);
    legacy.with(new MeshInjection());
    const [policy] = companionsIn(manifestsOf(shop.app)).filter(({ metadata }) => metadata?.name?.includes('legacy'));
    expect(policy.spec?.podSelector).toEqual({ matchLabels: { app: 'web', 'linkerd.io/proxy-deployment': 'legacy' } });
  });

  it('selects by the label of the owner where pods have no other, and warns where they have none at all', () => {
    const app = new App();
    const chart = new Chart(app, 'jobs', { namespace: 'shop' });
    const spec = { containers: [{ name: 'c', image: 'c' }] };
    new ApiObject(chart, 'nightly', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'nightly' },
      spec: { jobTemplate: { spec: { template: { spec } } } },
    });
    new ApiObject(chart, 'pod', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec });
    new ApiObject(chart, 'deny', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: denyAll });
    chart.with(new MeshInjection());
    expect(companionsIn(manifestsOf(app)).map(({ spec }) => spec?.podSelector)).toEqual([
      { matchLabels: { 'linkerd.io/proxy-cronjob': 'nightly' } },
    ]);
    expect(MeshWarnings.of(app)).toEqual([
      { path: 'jobs/pod', code: 'TULLE_SIDECAR_SHUT_OUT', message: expect.stringContaining('pod/pod') },
    ]);
  });

  it('stands beside each workload of a List', () => {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'shop' });
    const item = (name: string) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'shop' },
      spec: { template: { metadata: { labels: { app: name } }, spec: { containers: [{ name, image: name }] } } },
    });
    new ApiObject(chart, 'list', { apiVersion: 'v1', kind: 'List', items: [item('a'), item('b')] });
    new ApiObject(chart, 'deny', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: denyAll });
    chart.with(new MeshInjection());
    const found = companionsIn(manifestsOf(app));
    expect(found.map(({ metadata, spec }) => [metadata?.namespace, spec?.podSelector])).toEqual([
      ['shop', { matchLabels: { app: 'a' } }],
      ['shop', { matchLabels: { app: 'b' } }],
    ]);
  });

  it('is the same in every synth, whichever way it is made', () => {
    const shop = shopOf({ injection: explicit });
    shop.web.connections.allowTo(shop.orders);
    const first = Testing.synth(shop.chart);
    expect(companionsIn(first)).toHaveLength(2);
    expect(Testing.synth(shop.chart)).toEqual(first);
    expect(manifestsOf(shop.app)).toEqual(JSON.parse(JSON.stringify(first)));
  });

  it('keeps its place among objects that depend on the workload', () => {
    const shop = shopOf({ injection: webhook });
    shop.policy('policy', denyAll).addDependency(shop.web);
    const first = Testing.synth(shop.chart).map(({ metadata }) => metadata.name);
    expect(Testing.synth(shop.chart).map(({ metadata }) => metadata.name)).toEqual(first);
  });

  it('has a file of its own where each object has', () => {
    const shop = shopOf({ injection: webhook }, {}, Testing.app({ yamlOutputType: YamlOutputType.FILE_PER_RESOURCE }));
    shop.policy('policy', denyAll);
    shop.app.synth();
    expect(readdirSync(shop.app.outdir).filter((file) => file.includes('mesh-network-policy'))).toHaveLength(3);
  });

  it('follows policies that come and go', () => {
    const shop = shopOf({ injection: webhook });
    expect(companionsIn(manifestsOf(shop.app))).toEqual([]);
    const policy = shop.policy('policy', denyAll);
    expect(companionsIn(manifestsOf(shop.app))).toHaveLength(3);
    policy.node.scope?.node.tryRemoveChild('policy');
    expect(companionsIn(manifestsOf(shop.app))).toEqual([]);
    shop.policy('again', { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'] });
    expect(companionsIn(manifestsOf(shop.app))).toHaveLength(1);
  });
});
