import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { Poll } from '../polling/poll.ts';
import { Issuer } from './issuer.ts';
import type { IssuerMaterial } from './mesh-authority.ts';

/** Reasons of the Events, those of linkerd2 controller/cmd/identity. */
export type IssuerEvent = 'IssuerUpdated' | 'IssuerUpdateSkipped' | 'IssuerValidationFailed';

export interface IssuerKeeperOptions {
  readonly reconcile: () => Promise<IssuerMaterial>;
  readonly log: Logger;
  readonly registry: Registry;
  readonly nowMs: () => number;
  readonly onEvent: (type: 'Normal' | 'Warning', reason: IssuerEvent, message: string) => void;
  /** Told of the bundle (PEM) with the first issuer that is taken, and whenever it is another. */
  readonly onTrustAnchors: (bundle: string) => void;
  /** How soon a changed Secret or ConfigMap is used; 5 s by default. */
  readonly intervalMs?: number;
}

/**
 * Keeps the issuer at what stands in the cluster. One that cannot be used is told (in the log, as an Event and in the
 * metrics), and the last good one stays in use.
 */
export class IssuerKeeper {
  current: Issuer | undefined = undefined;
  private readonly options: IssuerKeeperOptions;
  private readonly updates: Counter<'result'>;
  private readonly poll: Poll;
  private loaded: string | undefined = undefined;
  private bundle: string | undefined = undefined;
  private problem: string | undefined = undefined;

  constructor(options: IssuerKeeperOptions) {
    this.options = options;
    this.updates = new Counter({
      name: 'identity_issuer_updates_total',
      help: 'Issuers that were taken into use, that could not be read, or that were not valid.',
      labelNames: ['result'] as const,
      registers: [options.registry],
    });
    this.poll = new Poll(() => this.look(), options.intervalMs ?? 5000);
  }

  /** Looks now, or waits for the look that is under way. Never rejects. */
  refresh(): Promise<void> {
    return this.poll.now();
  }

  close(): void {
    this.poll.close();
  }

  private async look(): Promise<void> {
    let material: IssuerMaterial;
    try {
      material = await this.options.reconcile();
    } catch (error) {
      this.fail('IssuerUpdateSkipped', 'skipped', (error as Error).message);
      return;
    }
    const { certificate, key, trustAnchors } = material;
    const stamp = createHash('sha256').update(JSON.stringify(material)).digest('hex');
    if (stamp === this.loaded) {
      this.problem = undefined;
      return;
    }
    try {
      const issuer = await Issuer.load({ certificate, key, trustAnchors }, this.options.nowMs());
      this.take(issuer, stamp, trustAnchors);
    } catch (error) {
      this.fail('IssuerValidationFailed', 'invalid', (error as Error).message);
    }
  }

  private take(issuer: Issuer, stamp: string, trustAnchors: string): void {
    const { log, onEvent, onTrustAnchors } = this.options;
    this.current = issuer;
    this.loaded = stamp;
    this.problem = undefined;
    const until = issuer.notAfter.toISOString();
    this.updates.inc({ result: 'updated' });
    log.info({ until }, 'issuer in use');
    onEvent('Normal', 'IssuerUpdated', `Updated identity issuer, valid until ${until}`);
    if (this.bundle === trustAnchors) return;
    this.bundle = trustAnchors;
    onTrustAnchors(trustAnchors);
  }

  private fail(reason: IssuerEvent, result: string, message: string): void {
    this.updates.inc({ result });
    // The same trouble is told once.
    if (message === this.problem) return;
    this.problem = message;
    this.options.log.error({ problem: message }, 'issuer not taken');
    this.options.onEvent('Warning', reason, message);
  }
}
