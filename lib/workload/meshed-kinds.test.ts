import { App, Chart, Cron, Duration, Testing } from 'cdk8s';
import { Service, ServiceAccount } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { describe, expect, it, vi } from 'vitest';
import {
  Injection,
  Mesh,
  MeshedCronJob,
  MeshedDaemonSet,
  MeshedDeployment,
  MeshedJob,
  type MeshedProps,
  MeshedStatefulSet,
  type MeshOptions,
  MeshWarnings,
} from '../index.ts';
import type { Manifest, PodTemplate } from '../inject/kubernetes.ts';
import { templateAt, templatePath } from '../inject/workload.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const containers = [{ image: 'shop/db:2.0', portNumber: 5432 }];
type Props = MeshedProps & { readonly serviceAccount?: ServiceAccount; readonly hostNetwork?: boolean };
const kinds = {
  Deployment: (scope: Construct, props: Props) => new MeshedDeployment(scope, 'db', { containers, ...props }),
  StatefulSet: (scope: Construct, props: Props) => new MeshedStatefulSet(scope, 'db', { containers, ...props }),
  DaemonSet: (scope: Construct, props: Props) => new MeshedDaemonSet(scope, 'db', { containers, ...props }),
  Job: (scope: Construct, props: Props) =>
    new MeshedJob(scope, 'db', { containers, activeDeadline: Duration.minutes(5), ...props }),
  CronJob: (scope: Construct, props: Props) =>
    new MeshedCronJob(scope, 'db', { containers, schedule: Cron.daily(), ...props }),
} as const;
type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];

function synth(kind: Kind, props: Props = {}, chart = Testing.chart()): Manifest {
  kinds[kind](chart, props);
  return Testing.synth(chart).find((object) => object.kind === kind);
}
const template = (object: Manifest): PodTemplate => templateAt(object, templatePath(object)!)!;
const annotations = (object: Manifest) => template(object).metadata?.annotations;
const containersOf = (object: Manifest) =>
  [...(template(object).spec?.initContainers ?? []), ...(template(object).spec?.containers ?? [])].map(
    ({ name, restartPolicy }) => [name, restartPolicy],
  );

describe.each(names)('a meshed %s', (kind) => {
  it('asks the webhook for a sidecar, with its settings as annotations', () => {
    const object = synth(kind, { mesh: { opaquePorts: [5432] } });
    expect(object).toMatchSnapshot();
    expect(annotations(object)).toEqual({ 'config.tulle.dev/opaque-ports': '5432', 'tulle.dev/inject': 'enabled' });
  });

  it('has its sidecar at synth, native', () => {
    expect(containersOf(synth(kind, { mesh: { injection: Injection.static() } }))).toEqual([
      ['tulle-init', undefined],
      ['tulle-proxy', 'Always'],
      ['main', undefined],
    ]);
  });

  it('knows its identity', () => {
    const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
    const serviceAccount = new ServiceAccount(chart, 'account', { metadata: { name: 'db' } });
    const { mesh } = kinds[kind](chart, { serviceAccount });
    expect(mesh.identity).toBe('db.shop.serviceaccount.identity.tulle.cluster.local');
  });

  it('is refused on the network of the host, unless it wants no sidecar', () => {
    const make = (mesh?: MeshOptions) => () => synth(kind, { hostNetwork: true, mesh });
    expect(make()).toThrow('hostNetwork is enabled: give it Injection.disabled(), or change that');
    expect(make({ injection: Injection.disabled() })).not.toThrow();
  });

  it('refuses ports that are none', () => {
    expect(() => synth(kind, { mesh: { opaquePorts: [0] } })).toThrow("'opaquePorts' (0) must be ports");
  });
});

describe('a headless Service of a StatefulSet', () => {
  function services(mesh: MeshOptions) {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'shop' });
    new MeshedStatefulSet(chart, 'db', { containers, mesh });
    new MeshedStatefulSet(chart, 'other', {
      containers,
      mesh,
      service: new Service(chart, 'own', { clusterIP: 'None', ports: [{ port: 5432 }] }),
    });
    app.synthYaml();
    const objects = chart.toJson().filter(({ kind }: Manifest) => kind === 'Service');
    return { app, objects: objects as Manifest[] };
  }

  it('is told which ports are opaque, and keeps its targets', () => {
    const { app, objects } = services({ opaquePorts: [5432] });
    expect(objects).toHaveLength(2);
    for (const { metadata, spec } of objects) {
      expect(metadata?.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '5432' });
      expect(spec).toMatchObject({ clusterIP: 'None', ports: [{ port: 5432 }] });
    }
    expect(MeshWarnings.of(app)).toEqual([]);
  });

  it('in explicit mode is warned of, for clients outside the mesh call past the proxy', () => {
    const { app } = services({ injection: Injection.explicit() });
    expect(MeshWarnings.of(app).map(({ path, code }) => [path, code])).toEqual([
      ['shop/db/Service/Resource', 'TULLE_PROXY_BYPASSED'],
      ['shop/own/Resource', 'TULLE_PROXY_BYPASSED'],
    ]);
  });
});

describe.each(['Job', 'CronJob'] as const)('the end of a %s', (kind) => {
  const key = 'config.tulle.dev/proxy-admin-shutdown';

  it('is the kubelet’s to tell a native sidecar', () => {
    expect(annotations(synth(kind))).not.toHaveProperty([key]);
  });

  it('can be told by the application to a sidecar that is not native', () => {
    const object = synth(kind, { mesh: { injection: Injection.static(), proxy: { nativeSidecar: false } } });
    expect(annotations(object)).toMatchObject({ [key]: 'enabled' });
    const proxy = template(object).spec?.containers?.find(({ name }) => name === 'tulle-proxy');
    expect(proxy?.env).toContainEqual({ name: 'LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED', value: 'true' });
  });

  it('can be told by it where the mesh has no native sidecars, though that be said later', () => {
    const app = new App();
    const [jobs, native] = ['jobs', 'native'].map((id) => new Chart(app, id));
    kinds[kind](jobs, {});
    kinds[kind](native, { mesh: { proxy: { nativeSidecar: true } } });
    new Mesh(new Chart(app, 'tulle'), 'mesh', { proxy: { nativeSidecar: false } });
    expect(annotations(jobs.toJson()[0])).toMatchObject({ [key]: 'enabled' });
    expect(annotations(native.toJson()[0])).not.toHaveProperty([key]);
  });

  it('is refused to be shut on purpose, and is nobody’s without a sidecar', () => {
    const proxy = { nativeSidecar: false, adminShutdown: false };
    expect(() => synth(kind, { mesh: { proxy } })).toThrow(
      "'adminShutdown' (false) must not be with 'nativeSidecar' (false) in a Job, which would never end: leave one of them out",
    );
    const injection = Injection.disabled();
    expect(annotations(synth(kind, { mesh: { injection } }))).toEqual({ 'tulle.dev/inject': 'disabled' });
  });
});
