import { Poll } from '../polling/poll.ts';
import type { CertificateSecret, StoredCertificate } from './certificate-secret.ts';

export interface CertificateKeeperOptions {
  readonly secret: Pick<CertificateSecret, 'ensure'>;
  /**
   * Called with the first certificate and with each that follows, one call at a time; a call that fails is told and made
   * again. A server makes peers trust the authorities here before it shows the certificate.
   */
  readonly onChange: (certificate: StoredCertificate) => void | Promise<void>;
  readonly onProblem: (message: string) => void;
  /** How often the Secret is looked at, which is how soon what another replica wrote is used; 5 s by default. */
  readonly intervalMs?: number;
}

/** Keeps a replica at the certificate that stands in the Secret, and that one renewed. */
export class CertificateKeeper {
  /** The certificate of the last `onChange` that succeeded. */
  current: StoredCertificate | undefined = undefined;
  private readonly options: CertificateKeeperOptions;
  private readonly poll: Poll;
  private problem: string | undefined = undefined;

  constructor(options: CertificateKeeperOptions) {
    this.options = options;
    this.poll = new Poll(() => this.look(), options.intervalMs ?? 5000);
  }

  /** Looks at the Secret now, or waits for the look that is under way. Never rejects. */
  refresh(): Promise<void> {
    return this.poll.now();
  }

  close(): void {
    this.poll.close();
  }

  private async look(): Promise<void> {
    try {
      const found = await this.options.secret.ensure();
      if (found !== undefined && !isSame(found, this.current)) {
        await this.options.onChange(found);
        this.current = found;
      }
      this.problem = undefined;
    } catch (error) {
      const { message } = error as Error;
      // The same trouble is told once.
      if (message !== this.problem) this.options.onProblem(message);
      this.problem = message;
    }
  }
}

function isSame(a: StoredCertificate, b: StoredCertificate | undefined): boolean {
  return b !== undefined && a.certificate === b.certificate && a.key === b.key && a.authorities === b.authorities;
}
