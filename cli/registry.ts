import type { Command } from 'commander';
import type { Terminal } from './terminal.ts';

/** A command by its name, without what it needs: that is loaded when it is asked for. */
export interface RegisteredCommand {
  readonly name: string;
  /** One line, for help. */
  readonly summary: string;
  readonly alias?: string;
  /** It tells of all commands: they are loaded with it. */
  readonly needsAll?: true;
  readonly load: () => Promise<(terminal: Terminal) => Command>;
}

/** All commands, in the order of help. */
export const registry: readonly RegisteredCommand[] = [
  {
    name: 'version',
    summary: 'print the versions of this command line and of the mesh in the cluster, when one is known',
    load: async () => (await import('./version.ts')).versionCommand,
  },
  {
    name: 'install',
    summary: 'print the manifests of the mesh, for `kubectl apply -f -`',
    load: async () => (await import('./install.ts')).installCommand,
  },
  {
    name: 'upgrade',
    summary: 'print the manifests of this version with the settings of the installed mesh',
    load: async () => (await import('./upgrade.ts')).upgradeCommand,
  },
  {
    name: 'uninstall',
    summary: 'print every object of the mesh, for `kubectl delete -f -`',
    load: async () => (await import('./uninstall.ts')).uninstallCommand,
  },
  {
    name: 'prune',
    summary: 'print objects that an earlier version or setting has left behind, for `kubectl delete -f -`',
    load: async () => (await import('./prune.ts')).pruneCommand,
  },
  {
    name: 'check',
    summary: 'check a cluster before an install, or the mesh that is in it; exit code 1 when something is wrong',
    load: async () => (await import('./check/command.ts')).checkCommand,
  },
  {
    name: 'inject',
    summary: 'mesh the workloads of manifests: prints them, and on standard error what was done',
    load: async () => (await import('./inject.ts')).injectCommand,
  },
  {
    name: 'uninject',
    summary: 'take the mesh out of manifests: prints them, and on standard error what was done',
    load: async () => (await import('./uninject.ts')).uninjectCommand,
  },
  {
    name: 'validate',
    summary: 'look for what cannot work in manifests: files or folders; exit code 1 when there is such',
    load: async () => (await import('./validate.ts')).validateCommand,
  },
  {
    name: 'allow-scrapes',
    summary: 'print the policy by which a Prometheus may scrape the sidecars of a namespace, for `kubectl apply -f -`',
    load: async () => (await import('./policy/allow-scrapes.ts')).allowScrapesCommand,
  },
  {
    name: 'profile',
    summary: 'print the ServiceProfile of a Service: of its OpenAPI document, .proto file, or what comes in to it now',
    load: async () => (await import('./profile/profile.ts')).profileCommand,
  },
  {
    name: 'explain',
    summary: 'tell what the mesh of a folder of manifests makes of a call, and why; exit code 1 when it is refused',
    load: async () => (await import('./model/explain.ts')).explainCommand,
  },
  {
    name: 'compare',
    summary: 'tell which calls a change of manifests opens, shuts or moves',
    load: async () => (await import('./model/compare.ts')).compareCommand,
  },
  {
    name: 'migrate',
    summary: 'write what Linkerd has in a cluster, or in files, as a cdk8s app; and the order of steps of a move',
    load: async () => (await import('./migrate/migrate.ts')).migrateCommand,
  },
  {
    name: 'local',
    summary: 'run the workloads of manifests as processes with sidecars on this machine, without a cluster',
    load: async () => (await import('./local.ts')).localCommand,
  },
  {
    name: 'list',
    summary: 'list workloads that are in the mesh, and why others are not',
    load: async () => (await import('./list/list.ts')).listCommand,
  },
  {
    name: 'identity',
    summary: 'show the certificates that sidecars present: of whom they are, and until when they hold',
    load: async () => (await import('./identity/identity.ts')).identityCommand,
  },
  {
    name: 'stat',
    summary: 'show success rate, request rate and latency of workloads, Services and routes',
    load: async () => (await import('./stat/stat.ts')).statCommand,
  },
  {
    name: 'stat-inbound',
    summary: 'show what comes in to workloads by the Server and route that took it',
    load: async () => (await import('./stat/policy-stats.ts')).statInboundCommand,
  },
  {
    name: 'stat-outbound',
    summary: 'show what workloads call by the route that sent it and its backends, with timeouts and retries',
    load: async () => (await import('./stat/policy-stats.ts')).statOutboundCommand,
  },
  {
    name: 'edges',
    summary: 'show who calls whom, and whether by mutual TLS',
    load: async () => (await import('./edges/edges.ts')).edgesCommand,
  },
  {
    name: 'authz',
    summary:
      'show which policy holds for workloads: Servers, routes, authorizations, whom they let in, and how much came',
    load: async () => (await import('./authz/authz.ts')).authzCommand,
  },
  {
    name: 'tap',
    summary: 'show requests as they pass the sidecars of workloads',
    load: async () => (await import('./tap/tap.ts')).tapCommand,
  },
  {
    name: 'top',
    summary: 'show requests by who asks whom for what: how many, how fast, how well',
    load: async () => (await import('./tap/top.ts')).topCommand,
  },
  {
    name: 'diagnostics',
    alias: 'dg',
    summary: 'look into the mesh of a cluster: what proxies are told, and what they count',
    load: async () => (await import('./diagnostics/command.ts')).diagnosticsCommand,
  },
  {
    name: 'routes',
    summary: 'show success rate, request rate and latency by the routes of service profiles',
    load: async () => (await import('./routes/routes.ts')).routesCommand,
  },
  {
    name: 'demo',
    summary: 'synthesize the emojivoto example and run it here as a mesh; fails when a call was not mTLS',
    load: async () => (await import('./demo/demo.ts')).demoCommand,
  },
  {
    name: 'completion',
    needsAll: true,
    summary: 'print what a shell (bash, zsh, fish) needs to complete commands and options',
    load: async () => (await import('./completion/completion.ts')).completionCommand,
  },
];
