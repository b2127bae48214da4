import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { type ClusterOptions, connectCluster, defaultMeshNamespace } from '../cluster/cluster.ts';
import { parseWaitMs } from '../duration.ts';
import { type Format, formatOption, forPrograms, isForPrograms } from '../formats.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { identityChecks, webhookChecks } from './certificate-checks.ts';
import { type Category, type CategoryResult, runChecks } from './check.ts';
import { ClusterFacts } from './cluster-facts.ts';
import { configChecks, existenceChecks, highAvailabilityChecks } from './control-plane-checks.ts';
import { dataPlaneChecks } from './data-plane-checks.ts';
import { checkReport, formatCategory, formatVerdict } from './format.ts';
import { crdChecks, kubernetesChecks, preInstallChecks } from './kubernetes-checks.ts';
import { controlPlaneProxyChecks, versionChecks } from './version-checks.ts';

interface CheckOptions extends ClusterOptions {
  readonly pre?: boolean;
  readonly proxy?: boolean;
  readonly wait: string;
  readonly output: Format;
}

/** Calls are short here, so a server that is silent is soon told. */
const callTimeoutMs = 10_000;

/** `tulle check`: whether a cluster can have the mesh, or how the mesh in it does. */
export function checkCommand(terminal: Terminal): Command {
  return new Command('check')
    .addOption(new Option('--pre', 'only what an install needs').conflicts('proxy'))
    .option('--proxy', 'the sidecars too: of the namespace of -n, or all')
    .option('--wait <duration>', 'how long to wait for what may come right by itself', '5m')
    .addOption(formatOption('table', 'short', 'json', 'yaml'))
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<CheckOptions>();
      const waitMs = parseWaitMs('--wait', options.wait);
      const good = await check(options, waitMs, terminal);
      // What is wrong has been told.
      if (!good) throw new CommandError('');
    });
}

async function check(options: CheckOptions, waitMs: number, terminal: Terminal): Promise<boolean> {
  const { output } = options;
  const { out } = terminal;
  const found: CategoryResult[] = [];
  const facts = new ClusterFacts(options.meshNamespace ?? defaultMeshNamespace, () =>
    connectCluster(options, terminal, { timeoutMs: callTimeoutMs }),
  );
  try {
    const good = await runChecks(categories(facts, options, Date.now), {
      waitMs,
      nowMs: Date.now,
      sleep: (ms) => sleep(ms),
      onWait: (description, problem) => terminal.err(`waiting: ${description}: ${problem.split('\n')[0]}\n`),
      refresh: () => facts.refresh(),
      onCategory: (result) => {
        found.push(result);
        if (!isForPrograms(output)) out(formatCategory(result, output));
      },
    });
    out(forPrograms(checkReport(good, found), output) ?? formatVerdict(good));
    return good;
  } finally {
    facts.close();
  }
}

function categories(facts: ClusterFacts, options: CheckOptions, nowMs: () => number): Category[] {
  if (options.pre) return [...kubernetesChecks(facts), preInstallChecks(facts, nowMs)];
  return [
    ...kubernetesChecks(facts),
    existenceChecks(facts),
    crdChecks(facts),
    configChecks(facts),
    identityChecks(facts, nowMs),
    webhookChecks(facts, nowMs),
    versionChecks(facts),
    controlPlaneProxyChecks(facts),
    highAvailabilityChecks(facts),
    ...(options.proxy ? dataPlaneChecks(facts, options.namespace, nowMs) : []),
  ];
}
