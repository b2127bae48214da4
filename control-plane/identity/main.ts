import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { Identity } from '../../api/gen/identity_pb.js';
import { grpcService } from '../../api/grpc.ts';
import { type Component, startComponent } from '../component.ts';
import type { Flags } from '../flags.ts';
import { WatchedFiles } from '../watched-file.ts';
import { identityService } from './identity-service.ts';
import { Issuer } from './issuer.ts';
import { KeySet } from './key-set.ts';

export const identityFlags = {
  addr: { type: 'string' },
  'admin-addr': { type: 'string' },
  'trust-anchors-file': { type: 'string' },
  'issuer-cert-file': { type: 'string' },
  'issuer-key-file': { type: 'string' },
  'jwks-file': { type: 'string' },
  'trust-domain': { type: 'string' },
  'mesh-namespace': { type: 'string' },
  'issuance-lifetime': { type: 'string' },
  'clock-skew-allowance': { type: 'string' },
} as const;

/** Starts the identity component. Issuer and key set are read again when their files change. */
export async function startIdentity(flags: Flags, log: Logger, nowMs: () => number): Promise<Component> {
  const registry = new Registry();
  const files = ['issuer-cert-file', 'issuer-key-file', 'trust-anchors-file'].map((name) => flags.text(name));
  const issuer = new WatchedFiles(
    files,
    async ([certificate, key, trustAnchors]) => {
      const loaded = await Issuer.load({ certificate, key, trustAnchors }, nowMs());
      log.info({ until: loaded.notAfter.toISOString() }, 'issuer in use');
      return loaded;
    },
    (problem) => log.error({ problem }, 'issuer not taken'),
  );
  const keySet = new WatchedFiles(
    [flags.text('jwks-file')],
    ([text]) => KeySet.parse(text),
    (problem) => log.error({ problem }, 'key set not taken'),
  );
  await Promise.all([issuer.refresh(), keySet.refresh()]);
  const handlers = identityService(
    {
      meshNamespace: flags.text('mesh-namespace', 'tulle'),
      trustDomain: flags.text('trust-domain', 'cluster.local'),
      issuanceLifetimeMs: flags.durationMs('issuance-lifetime', '24h'),
      clockSkewMs: flags.durationMs('clock-skew-allowance', '20s'),
      nowMs,
      issuer: () => issuer.current,
      keySet: () => keySet.current,
    },
    log,
    registry,
  );
  return startComponent({
    log,
    registry,
    admin: flags.address('admin-addr', '0.0.0.0:9990'),
    grpc: [flags.address('addr', '0.0.0.0:8080')],
    services: [{ definition: grpcService(Identity), handlers }],
    ready: () => issuer.current !== undefined && keySet.current !== undefined,
    close: () => {
      issuer.close();
      keySet.close();
    },
  });
}
