import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { meshPorts } from '../../lib/contract/ports.ts';
import type { HttpsService } from '../component.ts';
import type { Flags } from '../flags.ts';
import { connectToCluster } from '../kubernetes/connect.ts';
import { validateObject } from '../validator/index.ts';
import { validator } from './validator.ts';
import { startWebhook } from './webhook.ts';
import { WebhookMetrics } from './webhook-metrics.ts';

export const validatorFlags = {
  'sp-validator-addr': { type: 'string' },
  'policy-validator-addr': { type: 'string' },
  /** Names that API servers dial besides those of the Services. */
  'webhook-names': { type: 'string' },
} as const;

export interface Validators {
  readonly https: readonly HttpsService[];
  close(): void;
}

/**
 * The two validating webhooks: for ServiceProfiles, and for policy and routes. Both know all rules; Linkerd has two, so
 * tools look for two. Undefined when the objects are not those of an API server, which would call them.
 */
export async function startValidators(flags: Flags, log: Logger, registry: Registry): Promise<Validators | undefined> {
  if (!flags.list('source', '').includes('kubernetes')) return undefined;
  const api = await connectToCluster({
    kubeconfig: flags.optional('kubeconfig'),
    env: process.env,
    onProblem: (problem) => log.error({ problem }, 'credentials cannot be read'),
    userAgent: 'tulle-validators',
  });
  const metrics = new WebhookMetrics(registry);
  const webhooks = [
    {
      name: 'sp-validator',
      address: flags.address('sp-validator-addr', `0.0.0.0:${meshPorts.serviceProfileValidator}`),
    },
    {
      name: 'policy-validator',
      address: flags.address('policy-validator-addr', `0.0.0.0:${meshPorts.policyValidator}`),
    },
  ].map((webhook) =>
    startWebhook({
      ...webhook,
      kind: 'ValidatingWebhookConfiguration',
      handle: validator(validateObject),
      api,
      meshNamespace: flags.text('mesh-namespace', 'tulle'),
      extraNames: flags.list('webhook-names', ''),
      nowMs: Date.now,
      log,
      metrics,
    }),
  );
  return {
    https: webhooks.map(({ https }) => https),
    close: () => {
      for (const webhook of webhooks) webhook.close();
      api.close();
    },
  };
}
