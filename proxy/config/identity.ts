import type { EnvParser } from '../env-parser.ts';
import type { IdentityConfig } from '../identity/identity-config.ts';
import { controlAddress, noAddress } from './address.ts';

/** Undefined when `IDENTITY_DISABLED` is set, to anything: the proxy then speaks plaintext alone. */
export function identityConfig(env: EnvParser): IdentityConfig | undefined {
  if (env.isSet('IDENTITY_DISABLED')) {
    env.passOver('IDENTITY_');
    return undefined;
  }
  const trustAnchors = env.required('IDENTITY_TRUST_ANCHORS', 'the PEM certificates that peers are checked against');
  if (trustAnchors !== '' && !trustAnchors.includes('-----BEGIN CERTIFICATE-----')) {
    env.bad('IDENTITY_TRUST_ANCHORS', undefined, 'must be PEM certificates');
  }
  const [localName, serverName] = ['IDENTITY_LOCAL_NAME', 'IDENTITY_SERVER_NAME'].map((name) => env.text(name));
  return {
    address: controlAddress(env, 'IDENTITY', 'where certificates are issued') ?? noAddress,
    localName:
      localName ??
      serverName ??
      env.required('IDENTITY_SERVER_NAME', "this workload's identity (or IDENTITY_LOCAL_NAME)"),
    tokenFile: env.required('IDENTITY_TOKEN_FILE', "the file with the workload's service account token"),
    trustAnchors,
    minRefreshMs: env.durationMs('IDENTITY_MIN_REFRESH', 10_000),
    maxRefreshMs: env.durationMs('IDENTITY_MAX_REFRESH', 86_400_000),
  };
}
