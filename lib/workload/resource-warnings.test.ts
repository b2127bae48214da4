import { ApiObject, App, Chart, Size } from 'cdk8s';
import { type ContainerProps, Deployment, HorizontalPodAutoscaler, Metric, MetricTarget } from 'cdk8s-plus-27';
import * as kplus33 from 'cdk8s-plus-33';
import { describe, expect, it, vi } from 'vitest';
import { Injection, Mesh, MeshedDeployment, MeshInjection, type MeshOptions, MeshWarnings } from '../index.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const containers = [{ name: 'web', image: 'shop/web:2.0', portNumber: 8080 }];
/** As a container of cdk8s-plus is that asks for nothing. */
const modest: ContainerProps[] = [{ ...containers[0], resources: {} }];

function shop(options: { readonly containers?: ContainerProps[]; readonly mesh?: MeshOptions } = {}) {
  const app = new App();
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const web = new MeshedDeployment(chart, 'web', { containers, ...options });
  const add = (apiVersion: string, kind: string, spec: object, namespace = 'shop') =>
    new ApiObject(chart, kind.toLowerCase(), { apiVersion, kind, metadata: { namespace }, spec });
  const warnings = () => {
    app.synthYaml();
    return MeshWarnings.of(app);
  };
  return { app, chart, web, add, warnings };
}

describe('an autoscaler', () => {
  const byCpu = Metric.resourceCpu(MetricTarget.averageUtilization(70));
  const autoscale = (target: MeshedDeployment, metrics: Metric[]) =>
    new HorizontalPodAutoscaler(target, 'autoscaler', { target, maxReplicas: 5, metrics });

  it.each([Injection.webhook(), Injection.static(), Injection.explicit()])(
    'that aims at a share of CPU and memory is content with the sidecar that the mesh gives by default (%#)',
    (injection) => {
      const { web, warnings } = shop({ mesh: { injection } });
      autoscale(web, [byCpu, Metric.resourceMemory(MetricTarget.averageUtilization(70))]);
      expect(warnings()).toEqual([]);
    },
  );

  it('names the containers of a meshed workload that ask for nothing, and the workload', () => {
    const { web, warnings } = shop({ containers: modest });
    autoscale(web, [byCpu]);
    expect(warnings()).toEqual([
      {
        path: 'shop/web/autoscaler/Resource',
        code: 'TULLE_NO_REQUEST',
        message:
          'the autoscaler aims at a share of requests.cpu, and scales nothing while a container has none: ' +
          `web of deployment/${web.name} [shop/web/Resource]. Give it one, give the namespace a LimitRange with ` +
          'defaults, or have a ContainerResource metric of another container',
      },
    ]);
  });

  it('is told of the debug container, for which no annotation asks for anything', () => {
    const { web, warnings } = shop();
    web.podMetadata.addAnnotation('config.tulle.dev/enable-debug-sidecar', 'true');
    web.podMetadata.addAnnotation('config.tulle.dev/debug-image', 'tools');
    autoscale(web, [byCpu]);
    expect(warnings()[0].message).toContain('tulle-debug of deployment/');
  });

  it.each([
    ['amounts', [Metric.resourceCpu(MetricTarget.averageValue(2))]],
    ['the share of a container that asks for it', [containerCpu('tulle-proxy')]],
  ])('that measures %s lacks nothing', (_, metrics) => {
    const { web, warnings } = shop({ containers: modest });
    autoscale(web, metrics);
    expect(warnings()).toEqual([]);
  });

  it('of a container that asks for nothing is told', () => {
    const { web, warnings } = shop({ containers: modest });
    autoscale(web, [containerCpu('web')]);
    expect(warnings()).toHaveLength(1);
  });

  it.each([
    ['autoscaling/v1', {}],
    ['autoscaling/v2', {}],
    [
      'autoscaling/v2beta2',
      { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }] },
    ],
  ])('may be a raw object (%s), and its workload of another cdk8s-plus, meshed by a mixin', (apiVersion, spec) => {
    const { chart, add, warnings } = shop();
    const resources = {};
    const other = new kplus33.Deployment(chart, 'other', { containers: [{ image: 'x', portNumber: 80, resources }] });
    chart.with(new MeshInjection());
    add(apiVersion, 'HorizontalPodAutoscaler', {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: other.name },
      ...spec,
    });
    expect(warnings().map(({ path }) => path)).toEqual(['shop/horizontalpodautoscaler']);
  });

  it('of a workload that is not meshed is nothing to the mesh', () => {
    const { chart, warnings } = shop();
    const plain = new Deployment(chart, 'plain', { containers: modest });
    new HorizontalPodAutoscaler(chart, 'autoscaler', { target: plain, maxReplicas: 5, metrics: [byCpu] });
    const off = new MeshedDeployment(chart, 'off', { containers: modest, mesh: { injection: Injection.disabled() } });
    autoscale(off, [byCpu]);
    expect(warnings()).toEqual([]);
  });
});

function containerCpu(container: string): Metric {
  const target = MetricTarget.averageUtilization(70);
  return Metric.containerCpu({ target, container: { name: container } as never });
}

describe('a quota', () => {
  const limits = { hard: { 'limits.cpu': '10', 'limits.memory': '10Gi', pods: '20' } };
  const requests = { hard: { 'requests.cpu': '10', memory: '10Gi', 'count/pods': '20' } };

  it.each([Injection.webhook(), Injection.static()])('on requests is content with the default (%#)', (injection) => {
    const { add, warnings } = shop({ mesh: { injection } });
    add('v1', 'ResourceQuota', requests);
    expect(warnings()).toEqual([]);
  });

  it('on limits refuses the containers of the mesh, which have none by default', () => {
    const { web, add, warnings } = shop();
    add('v1', 'ResourceQuota', limits);
    const told = warnings();
    expect(told.map(({ path, code }) => [path, code])).toEqual([
      ['shop/resourcequota', 'TULLE_QUOTA_REFUSES'],
      ['shop/resourcequota', 'TULLE_QUOTA_REFUSES'],
    ]);
    expect(told[0].message).toBe(
      'the quota counts limits.cpu, so the API server refuses pods with a container that names none: ' +
        `tulle-init, tulle-proxy of deployment/${web.name} [shop/web/Resource]. Give them one (those of the mesh by ` +
        "'proxy.cpuLimitMillis' of the workload or of the mesh), or give the namespace a LimitRange with defaults",
    );
    expect(told[1].message).toContain("'proxy.memoryLimit'");
  });

  it.each([
    ['the workload sets them', { proxy: { cpuLimitMillis: 500, memoryLimit: Size.mebibytes(96) } }, () => {}],
    [
      'the mesh sets them',
      undefined,
      ({ app }: ReturnType<typeof shop>) =>
        new Mesh(new Chart(app, 'mesh'), 'mesh', { proxy: { cpuLimitMillis: 500, memoryLimit: Size.mebibytes(96) } }),
    ],
    [
      'the namespace sets them',
      undefined,
      ({ chart }: ReturnType<typeof shop>) =>
        new ApiObject(chart, 'namespace', {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: {
            name: 'shop',
            annotations: { 'config.tulle.dev/proxy-cpu-limit': '1', 'config.linkerd.io/proxy-memory-limit': '96Mi' },
          },
        }),
    ],
    [
      'a LimitRange has defaults',
      undefined,
      ({ add }: ReturnType<typeof shop>) =>
        add('v1', 'LimitRange', { limits: [{ type: 'Container', default: { cpu: '1' }, max: { memory: '1Gi' } }] }),
    ],
  ])('on limits is content where %s', (_, mesh, heal) => {
    const made = shop({ mesh });
    made.add('v1', 'ResourceQuota', limits);
    heal(made);
    expect(made.warnings()).toEqual([]);
  });

  it.each([
    ['of another namespace', limits, 'other'],
    ['of pods that end', { ...limits, scopes: ['Terminating'] }, 'shop'],
    ['of a priority', { ...limits, scopeSelector: { matchExpressions: [] } }, 'shop'],
  ])('%s refuses nothing', (_, spec, namespace) => {
    const { add, warnings } = shop();
    add('v1', 'ResourceQuota', spec, namespace);
    expect(warnings()).toEqual([]);
  });

  it('is not healed by the LimitRange of another namespace, nor by one for pods', () => {
    const { chart, add, warnings } = shop();
    add('v1', 'ResourceQuota', { ...limits, scopes: ['NotTerminating'] });
    const item = { default: { cpu: '1', memory: '1Gi' } };
    add('v1', 'LimitRange', { limits: [{ type: 'Container', ...item }] }, 'other');
    new ApiObject(chart, 'pods', {
      apiVersion: 'v1',
      kind: 'LimitRange',
      spec: { limits: [{ type: 'Pod', ...item }] },
    });
    expect(warnings()).toHaveLength(2);
  });

  it('in a List is found', () => {
    const { chart, warnings } = shop();
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace: 'shop' }, spec: limits };
    new ApiObject(chart, 'list', { apiVersion: 'v1', kind: 'List', items: [quota] });
    expect(warnings().map(({ path }) => path)).toEqual(['shop/list', 'shop/list']);
  });
});

it('a whole mesh with everything that it can have is warned of nothing', () => {
  const { app, warnings } = shop();
  const components = { destination: { autoscaling: { maxReplicas: 5, cpuPercent: 80 } } };
  new Mesh(new Chart(app, 'mesh'), 'mesh', { highAvailability: true, networkPolicies: true, components });
  expect(warnings()).toEqual([]);
});
