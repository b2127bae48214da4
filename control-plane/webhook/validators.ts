import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { meshPorts } from '../../lib/contract/ports.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { followWarnings } from '../policy/followed.ts';
import { validateObject } from '../policy/validator/index.ts';
import type { HttpsService } from '../serving/component.ts';
import type { FlagReader } from '../serving/flags.ts';
import { validator } from './validator.ts';
import { startWebhook } from './webhook.ts';
import { WebhookMetrics } from './webhook-metrics.ts';

export const validatorFlags = {
  'sp-validator-addr': { type: 'string' },
  'policy-validator-addr': { type: 'string' },
  /** Names that API servers dial besides those of the Services. */
  'webhook-names': { type: 'string' },
  /** A file with the authorities of API servers' client certificates. */
  'webhook-client-ca': { type: 'string' },
} as const;

export interface Validators {
  readonly https: readonly HttpsService[];
  close(): void;
}

export function validatorSettings(flags: FlagReader) {
  return {
    webhooks: [
      {
        name: 'sp-validator',
        address: flags.address('sp-validator-addr', `0.0.0.0:${meshPorts.serviceProfileValidator}`),
      },
      {
        name: 'policy-validator',
        address: flags.address('policy-validator-addr', `0.0.0.0:${meshPorts.policyValidator}`),
      },
    ],
    extraNames: flags.list('webhook-names', ''),
    clientAuthorities: flags.certificates('webhook-client-ca'),
  };
}

export interface ValidatorOptions extends ReturnType<typeof validatorSettings> {
  /** CIDRs of the cluster, into which an EgressNetwork must not reach. */
  readonly clusterNetworks: readonly string[];
  readonly meshNamespace: string;
  readonly api: KubernetesApi;
  readonly log: Logger;
  readonly registry: Registry;
}

/**
 * The two validating webhooks: for ServiceProfiles, and for policy and routes. Both know all rules; Linkerd has two, so
 * tools look for two.
 */
export function startValidators(options: ValidatorOptions): Validators {
  const { api, log, meshNamespace, extraNames, clientAuthorities } = options;
  const metrics = new WebhookMetrics(options.registry);
  const validate = (object: unknown, namespace: string) => validateObject(object, namespace, options);
  const webhooks = options.webhooks.map((webhook) =>
    startWebhook({
      ...webhook,
      kind: 'ValidatingWebhookConfiguration',
      handle: validator(validate, followWarnings),
      api,
      meshNamespace,
      extraNames,
      clientAuthorities,
      nowMs: Date.now,
      log,
      metrics,
    }),
  );
  return {
    https: webhooks.map(({ https }) => https),
    close: () => {
      for (const webhook of webhooks) webhook.close();
    },
  };
}
