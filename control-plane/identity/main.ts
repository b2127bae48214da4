import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { Identity } from '../../api/gen/identity_pb.js';
import { grpcService } from '../../api/grpc.ts';
import { identityAudience } from '../../lib/inject/index.ts';
import { type Component, startComponent } from '../component.ts';
import type { Flags } from '../flags.ts';
import type { Credentials } from './credentials.ts';
import { fileCredentials } from './file-credentials.ts';
import { identityService } from './identity-service.ts';

export const identityFlags = {
  addr: { type: 'string' },
  'admin-addr': { type: 'string' },
  'trust-domain': { type: 'string' },
  'mesh-namespace': { type: 'string' },
  'issuance-lifetime': { type: 'string' },
  'clock-skew-allowance': { type: 'string' },
  'trust-anchors-file': { type: 'string' },
  'issuer-cert-file': { type: 'string' },
  'issuer-key-file': { type: 'string' },
  'jwks-file': { type: 'string' },
} as const;

/** Starts the identity component. */
export async function startIdentity(flags: Flags, log: Logger, nowMs: () => number): Promise<Component> {
  const registry = new Registry();
  const shared = {
    meshNamespace: flags.text('mesh-namespace', 'tulle'),
    trustDomain: flags.text('trust-domain', 'cluster.local'),
    clockSkewMs: flags.durationMs('clock-skew-allowance', '20s'),
    log,
    nowMs,
  };
  const issuanceLifetimeMs = flags.durationMs('issuance-lifetime', '24h');
  const credentials = await fileCredentials({
    ...shared,
    audience: identityAudience,
    issuerCertificateFile: flags.text('issuer-cert-file'),
    issuerKeyFile: flags.text('issuer-key-file'),
    trustAnchorsFile: flags.text('trust-anchors-file'),
    keySetFile: flags.text('jwks-file'),
  });
  const handlers = identityService(
    {
      ...shared,
      issuanceLifetimeMs,
      issuer: () => credentials.issuer(),
      tokens: credentials.tokens,
      onIssued: (account) => credentials.onIssued?.(account),
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
    ready: () => canSign(credentials, nowMs()),
    close: () => credentials.close(),
  });
}

function canSign({ issuer, tokens }: Credentials, nowMs: number): boolean {
  const current = issuer();
  return current !== undefined && current.notAfter.getTime() > nowMs && tokens.ready;
}
