import type { EnvParser } from '../env-parser.ts';
import type { SocketAddress } from '../wire/host-port.ts';
import { listenAddresses } from './address.ts';

export interface TapConfig {
  /** `CONTROL_LISTEN_ADDR`: where taps are served. Default 0.0.0.0:4190; none where nobody may tap. */
  readonly listen: readonly SocketAddress[];
  /** `TAP_SVC_NAME`: the identity that may tap this proxy's requests. Default: nobody may. */
  readonly allowed: string | undefined;
  /** `TAP_BODIES`: who may tap may see the first bytes of bodies, too. Default: nobody may. */
  readonly bodies: boolean;
}

const nobody: TapConfig = { listen: [], allowed: undefined, bodies: false };

/** Who taps is known by its certificate: without an identity of its own a proxy can ask for none. */
export function tapConfig(env: EnvParser): TapConfig {
  if (env.isSet('IDENTITY_DISABLED')) return nobody;
  const allowed = env.text('TAP_SVC_NAME');
  if (allowed === undefined) return nobody;
  return { allowed, listen: listenAddresses(env, 'CONTROL', '0.0.0.0:4190'), bodies: env.flag('TAP_BODIES') };
}
