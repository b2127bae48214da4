import type { Logger } from 'pino';
import type { KubernetesApi } from '../../kubernetes/api.ts';
import { LeaderElection } from '../../kubernetes/leader-election.ts';
import type { PolicyIndex } from '../index/policy-index.ts';
import { StatusWriter } from './status-writer.ts';

export interface StatusLeaderOptions {
  readonly api: KubernetesApi;
  /** With everything read already: a Service that is not known yet would be told as missing. */
  readonly index: PolicyIndex;
  /** CIDRs of the cluster. */
  readonly clusterNetworks: readonly string[];
  readonly log: Logger;
  /** Namespace and name of the Lease. */
  readonly namespace: string;
  readonly lease: string;
  /** Unique for each replica. */
  readonly replica: string;
  readonly now: () => Date;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  readonly random: () => number;
  /** How long the others wait for a leader that does not answer. Default 30 s. */
  readonly leaseMs?: number;
}

export interface StatusLeader {
  /** Ends the writing, then the candidature, so that nobody else writes before. Never rejects. */
  close(): Promise<void>;
}

/** Writes the status of objects of policy as long as this replica is the leader of those that could. */
export function startStatusLeader(options: StatusLeaderOptions): StatusLeader {
  const { api, index, clusterNetworks, log, now } = options;
  const writer = new StatusWriter({ index, clusterNetworks, api, log, now });
  let closed = false;
  const election = new LeaderElection({
    api,
    namespace: options.namespace,
    name: options.lease,
    identity: options.replica,
    onElected: () => {
      if (closed) return;
      log.info({ lease: options.lease }, 'this replica writes the status of objects');
      writer.start();
    },
    onLost: (reason) => {
      log.warn({ lease: options.lease, reason }, 'another replica may write the status of objects');
      void writer.stop();
    },
    onProblem: (problem) => log.warn({ problem }, 'leader election'),
    now: options.monotonicMs,
    date: now,
    random: options.random,
    leaseMs: options.leaseMs,
  });
  election.start();
  return {
    async close() {
      closed = true;
      await writer.stop();
      await election.stop();
    },
  };
}
