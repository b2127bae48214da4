import { App, Chart } from 'cdk8s';
import fc from 'fast-check';
import { HttpRoute, InboundPolicy, MeshedNamespace, PodSecurity } from '../../lib/index.ts';
import { anyPolicies, anyWords } from './any-policy.ts';
import { anyFault, anyOther, anyRoute } from './any-traffic.ts';
import { anyServed, anyUnserved } from './any-workloads.ts';
import { Draw } from './draw.ts';

/** What an app with drawn props became: its objects, or why the synth refuses it. */
export type Drawn =
  | { readonly objects: readonly Synthesized[] }
  | { readonly refused: string; readonly objects?: undefined };

/** An object as it is synthesized. */
export interface Synthesized {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
}

/**
 * The objects of an app with every kind of construct, each with any props that it takes; or why the synth refuses it, since two
 * of its parts do not go together.
 */
export const anyApp: fc.Arbitrary<Drawn> = fc.gen().map((value): Drawn => {
  const draw = new Draw(value);
  const app = new App();
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  try {
    const [web, orders, next, guarded] = ['web', 'orders', 'next', 'guarded'].map((name) =>
      anyServed(draw, chart, name),
    );
    anyUnserved(draw, chart, 'other');
    anyWords(draw, orders.workload, web.workload, next.service);
    anyPolicies(draw, chart, guarded.workload, next.service);
    anyRoute(draw, 'route', { chart, service: orders.workload, next: next.workload });
    anyFault(draw, chart, draw.of(['http', 'grpc']));
    anyOther(draw, 'other-route', { chart, service: web.workload, next: next.workload });
    new HttpRoute(chart, 'of-next', { parent: next.workload, rules: [{}] });
    new MeshedNamespace(chart, 'namespace', {
      name: 'bank',
      podSecurity: draw.maybe(() => PodSecurity.privileged()),
      mesh: { inboundPolicy: draw.maybe(() => InboundPolicy.allAuthenticated()) },
    });
    return { objects: chart.toJson() as Synthesized[] };
  } catch (error) {
    return { refused: (error as Error).message };
  }
});
