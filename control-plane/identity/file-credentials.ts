import type { Logger } from 'pino';
import { WatchedFiles } from '../polling/watched-file.ts';
import type { Credentials } from './credentials.ts';
import { Issuer } from './issuer.ts';
import { KeySet } from './key-set.ts';
import { KeySetAuthenticator, type KeySetOptions } from './key-set-authenticator.ts';

export interface FileCredentialsOptions extends KeySetOptions {
  readonly issuerCertificateFile: string;
  readonly issuerKeyFile: string;
  readonly trustAnchorsFile: string;
  readonly keySetFile: string;
  readonly log: Logger;
}

/** Issuer and key set from files, read again when these change. */
export async function fileCredentials(options: FileCredentialsOptions): Promise<Credentials> {
  const { log, nowMs } = options;
  const issuer = new WatchedFiles(
    [options.issuerCertificateFile, options.issuerKeyFile, options.trustAnchorsFile],
    async ([certificate, key, trustAnchors]) => {
      const loaded = await Issuer.load({ certificate, key, trustAnchors }, nowMs());
      log.info({ until: loaded.notAfter.toISOString() }, 'issuer in use');
      return loaded;
    },
    (problem) => log.error({ problem }, 'issuer not taken'),
  );
  const keySet = new WatchedFiles(
    [options.keySetFile],
    ([text]) => KeySet.parse(text),
    (problem) => log.error({ problem }, 'key set not taken'),
  );
  await Promise.all([issuer.refresh(), keySet.refresh()]);
  return {
    issuer: () => issuer.current,
    tokens: new KeySetAuthenticator(options, () => keySet.current),
    close: () => {
      issuer.close();
      keySet.close();
    },
  };
}
