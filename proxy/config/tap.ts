import type { EnvParser } from '../env-parser.ts';
import type { SocketAddress } from '../wire/host-port.ts';
import { listenAddresses } from './address.ts';

export interface TapConfig {
  /** `CONTROL_LISTEN_ADDR`: where taps are served. Default 0.0.0.0:4190; none where nobody may tap. */
  readonly listen: readonly SocketAddress[];
  /** `TAP_SVC_NAME`: the identity that may tap this proxy's requests. Default: nobody may. */
  readonly allowed: string | undefined;
}

const nobody: TapConfig = { listen: [], allowed: undefined };

/** Who taps is known by its certificate: without an identity of its own a proxy can ask for none. */
export function tapConfig(env: EnvParser): TapConfig {
  if (env.isSet('IDENTITY_DISABLED')) return nobody;
  const allowed = env.text('TAP_SVC_NAME');
  return allowed === undefined ? nobody : { allowed, listen: listenAddresses(env, 'CONTROL', '0.0.0.0:4190') };
}
