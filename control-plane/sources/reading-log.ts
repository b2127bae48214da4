import type { Logger } from 'pino';
import type { KindInfo } from './kinds.ts';
import type { Recovery } from './recovery.ts';

const maxToldObjects = 1000;

/** What is logged of reading one kind, in one namespace or all: each trouble when it begins, not each time that it is met. */
export class ReadingLog {
  private readonly info: KindInfo;
  private readonly namespace: string | undefined;
  private readonly log: Logger;
  private forbidden = false;
  private readonly objects = new Set<string>();

  constructor(info: KindInfo, namespace: string | undefined, log: Logger) {
    this.info = info;
    this.namespace = namespace;
    this.log = namespace === undefined ? log : log.child({ namespace });
  }

  /** `failures` is how many have come in a row. A connection that ends now and then is usual; one that stays away is not. */
  failed(error: Error, { reason, relist }: Recovery, failures: number): void {
    if (reason === 'forbidden') {
      const { group, plural } = this.info;
      const by = this.namespace === undefined ? '' : ` by a Role in ${this.namespace}`;
      const fix = `grant get, list and watch on ${plural}${group && `.${group}`} to the service account${by}`;
      if (!this.forbidden) this.log.error({ error: error.message, fix }, 'kind is not read: it is forbidden');
      this.forbidden = true;
      return;
    }
    const details = { reason, relist, failures, error: error.message };
    if (reason === 'other' || reason === 'decode') this.log.error(details, 'reading failed');
    else if (failures === 3 || failures % 20 === 0) this.log.warn(details, 'reading fails again and again');
    else this.log.info(details, 'reading was interrupted');
  }

  recovered(failures: number): void {
    if (failures >= 3) this.log.info({ failures }, 'reading goes on');
    this.forbidden = false;
  }

  appeared(version: string): void {
    this.log.info({ version }, 'kind is there now');
  }

  vanished(objects: number): void {
    this.log.warn({ objects }, 'kind is gone, and its objects with it');
  }

  malformed(object: unknown, error: Error): void {
    const { namespace, name } = (object as { metadata?: { namespace?: unknown; name?: unknown } })?.metadata ?? {};
    const where = `${namespace ?? ''}/${name ?? ''}`;
    // Each list would tell the same again.
    const key = `${where} ${error.message}`;
    if (this.objects.has(key)) return;
    if (this.objects.size >= maxToldObjects) this.objects.clear();
    this.objects.add(key);
    this.log.error({ object: where, error: error.message }, 'object cannot be read');
  }
}
