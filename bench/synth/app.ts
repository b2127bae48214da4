import { App, Chart } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-27';
import { HttpRoute, Match, MeshedDeployment } from '../../lib/index.ts';

export interface AppSize {
  readonly deployments: number;
  /** Among `charts`, each with a namespace of its own. */
  readonly charts: number;
  /** Each between two Services that are made for it; no more than there are Deployments. */
  readonly routes: number;
  /** Workloads that say who may call them, each by a Server, an AuthorizationPolicy and a MeshTLSAuthentication. */
  readonly policies: number;
}

/** What cdk8s-plus makes by itself. */
export function plainApp(size: AppSize): App {
  const app = new App();
  for (const { chart, names } of charts(app, size)) {
    for (const name of names) new Deployment(chart, name, propsOf(name));
  }
  return app;
}

/** The same Deployments in the mesh, with routes and policies. */
export function meshedApp(size: AppSize): App {
  const app = new App();
  for (const { chart, names, share } of charts(app, size)) {
    const workloads = names.map((name) => new MeshedDeployment(chart, name, propsOf(name)));
    const next = (index: number, count: number) => workloads[(index + 1) % count];
    const routes = share(size.routes);
    for (const workload of workloads.slice(0, routes)) workload.exposeViaService({ ports: [{ port: 8080 }] });
    for (const [index, parent] of workloads.slice(0, routes).entries()) {
      const rules = [{ matches: [Match.pathPrefix('/v2')], backends: [{ service: next(index, routes) }] }, {}];
      new HttpRoute(chart, `route-${index}`, { parent, rules });
    }
    const policies = share(size.policies);
    for (const [index, called] of workloads.slice(0, policies).entries()) called.mesh.allowFrom(next(index, policies));
  }
  return app;
}

const propsOf = (name: string) => ({
  ...{ metadata: { name }, containers: [{ image: `registry.example/${name}:1.4`, portNumber: 8080 }] },
});

function* charts(app: App, { charts: count, deployments }: AppSize) {
  for (let index = 0; index < count; index++) {
    const share = (all: number): number => Math.floor((all * (index + 1)) / count) - Math.floor((all * index) / count);
    const chart = new Chart(app, `team-${index}`, { namespace: `team-${index}` });
    const names = Array.from({ length: share(deployments) }, (_, at) => `workload-${at}`);
    yield { chart, names, share };
  }
}
