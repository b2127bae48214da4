import type { Rule } from '../finding.ts';
import { allowsSomebody } from './allows-somebody.ts';
import { backendWeights } from './backend-weights.ts';
import { gatewayFields } from './gateway-fields.ts';
import { grantedBackends } from './granted-backends.ts';
import { knownAccounts } from './known-accounts.ts';
import { knownAnnotations } from './known-annotations.ts';
import { knownFields } from './known-fields.ts';
import { knownPorts, knownServices } from './known-services.ts';
import { knownTargets } from './known-targets.ts';
import { callersAreMeshed, guardedIsMeshed } from './meshed-parties.ts';
import { neverConnected } from './never-connected.ts';
import { neverMatched } from './never-matched.ts';
import { oneServerAPort } from './one-server-a-port.ts';
import { probesLetIn } from './probes-let-in.ts';
import { profilesBeforeRoutes } from './profiles-before-routes.ts';
import { routesOfClients } from './routes-of-clients.ts';
import { scrapesLetIn } from './scrapes-let-in.ts';
import { serversOfPods } from './servers-of-pods.ts';
import { strictNamespaces } from './strict-namespaces.ts';

/** All rules; docs/guides/validation.md has a row for each. */
export const rules: readonly Rule[] = [
  knownFields,
  gatewayFields,
  knownAnnotations,
  backendWeights,
  knownPorts,
  knownServices,
  grantedBackends,
  routesOfClients,
  neverMatched,
  neverConnected,
  profilesBeforeRoutes,
  oneServerAPort,
  serversOfPods,
  allowsSomebody,
  callersAreMeshed,
  knownAccounts,
  knownTargets,
  guardedIsMeshed,
  probesLetIn,
  scrapesLetIn,
  strictNamespaces,
];

/**
 * What is not among the manifests may be made elsewhere, which those who write constructs say in so many words
 * (`MeshService.of('orders', ...)`, `PolicyTarget.server('orders')`, `PodSelector.labels({ app: 'orders' })`): they are not warned of it.
 */
const saidByConstructs: ReadonlySet<Rule> = new Set([knownServices, knownTargets, serversOfPods]);

/** Those that run when an app is synthesized. */
export const rulesOfSynth: readonly Rule[] = rules.filter((rule) => !saidByConstructs.has(rule));
