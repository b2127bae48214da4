import type { Issuer } from './issuer.ts';
import type { ServiceAccount, TokenAuthenticator } from './token-authenticator.ts';

/** What the component signs with, and whom it signs for: from files, or from a cluster. */
export interface Credentials {
  /** Undefined while there is no valid one. */
  issuer(): Issuer | undefined;
  readonly tokens: TokenAuthenticator;
  onIssued?(account: ServiceAccount): void;
  close(): void | Promise<void>;
}
