import type { TimerHandle } from '../clock.ts';
import { noPolicy, type OutboundPolicy } from '../policy/outbound/model.ts';
import { type PolicySource, watchOutboundPolicy } from '../policy/outbound/policy-watch.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { KnownTarget } from './known-targets.ts';
import { type LookupOptions, type Resolution, recallAfterMs } from './resolution.ts';

/**
 * Watches what policy says of an address outside of the networks that discovery knows. It is told of as unknown once
 * policy has spoken of it, and not before: what an EgressNetwork denies must not pass because nobody has said so yet.
 */
export class ExternalLookup {
  private readonly authority: string;
  private readonly options: LookupOptions;
  private readonly resolution: Resolution;
  private readonly watch: { readonly isLive: boolean; close(): void };
  private readonly recallTimer: TimerHandle;
  private found: OutboundPolicy | undefined = undefined;

  constructor(
    name: { readonly host: string; readonly port: number },
    options: LookupOptions & { readonly policy: PolicySource },
    resolution: Resolution,
  ) {
    const { clock, log, policy } = options;
    this.authority = formatHostPort(name.host, name.port);
    this.options = options;
    this.resolution = resolution;
    this.recallTimer = clock.after(recallAfterMs, () => this.recall());
    this.watch = watchOutboundPolicy(name, this.authority, policy, clock, {
      onPolicy: (told) => this.tell(told),
      onNone: () => this.tell(noPolicy),
      onUnread: ({ kind, name: route }, why) =>
        log.warn('requests that may be of a route have none, since it cannot be read', {
          target: this.authority,
          route: `${kind}/${route}`,
          why,
        }),
    });
  }

  /** The target is known, and nobody could be asked for it again: it is not to be given up for being idle. */
  get mustBeKept(): boolean {
    return this.found !== undefined && !this.watch.isLive;
  }

  close(): void {
    const { clock, known } = this.options;
    clock.cancel(this.recallTimer);
    this.watch.close();
    const found: KnownTarget = { opaque: false, policy: this.found, endpoints: 'unknown' };
    if (this.found !== undefined) known.remember(this.authority, found);
  }

  /** Takes what an earlier lookup found for what nobody has spoken of. */
  private recall(): void {
    const known = this.options.known.recall(this.authority)?.policy;
    if (this.found === undefined && known !== undefined) this.tell(known);
  }

  private tell(policy: OutboundPolicy): void {
    const isFirst = this.found === undefined;
    this.found = policy;
    this.resolution.onPolicy(policy, this.authority);
    if (isFirst) this.resolution.onUnknown();
  }
}
