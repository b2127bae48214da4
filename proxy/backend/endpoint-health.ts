import type { Attempt } from '../exchange/attempt.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';

/** How the endpoints of a backend do, for who chooses between backends. */
export interface BackendHealth {
  /** False until discovery has told of them: they are worth a wait. */
  readonly isKnown: boolean;
  /** Those that take requests, as far as is known: nothing is held against one that nobody has tried. */
  readonly ready: number;
  readonly total: number;
  /** One of them may have a request that shows whether it has recovered. */
  readonly wantsProbe: boolean;
  /** Nothing is sent to them for now: those that are lost are tried in the background, as `attempt` would need them. */
  keepTrying(attempt: Attempt): void;
}

/** Who has the endpoints. */
interface Owner {
  readonly endpoints: ReadonlyMap<string, BalancedEndpoint>;
  /** Whoever comes fails at once. */
  readonly isHopeless: boolean;
  readonly wantsProbe: boolean;
  keepTrying(attempt: Attempt): void;
}

/** How the endpoints of a balancer do, counted when somebody asks and something has changed. */
export class EndpointHealth implements BackendHealth {
  private readonly owner: Owner;
  private isTold = false;
  private counted = -1;

  constructor(owner: Owner) {
    this.owner = owner;
  }

  get isKnown(): boolean {
    return this.isTold || this.owner.isHopeless;
  }

  get ready(): number {
    if (this.owner.isHopeless) return 0;
    if (this.counted < 0) {
      this.counted = 0;
      for (const endpoint of this.owner.endpoints.values()) if (isReady(endpoint)) this.counted++;
    }
    return this.counted;
  }

  get total(): number {
    return this.owner.endpoints.size;
  }

  get wantsProbe(): boolean {
    return this.owner.wantsProbe;
  }

  keepTrying(attempt: Attempt): void {
    this.owner.keepTrying(attempt);
  }

  /** Discovery has told of them. */
  told(): void {
    this.isTold = true;
    this.changed();
  }

  /** One of them is in another state. */
  changed(): void {
    this.counted = -1;
  }
}

/** One whose connection was closed, as idle ones are, is as good as before; one that was lost is not before it is back. */
const isReady = ({ state, failure }: BalancedEndpoint): boolean =>
  state === 'ready' || ((state === 'unconnected' || state === 'connecting') && failure === undefined);
