import type { OutgoingStream, StreamOwner } from './outgoing-stream.ts';

/** What a client is told as of now, and the topics on whose change it must be made anew. */
export interface View {
  /** Encoded. */
  readonly message: Buffer;
  readonly topics: readonly string[];
  /** Set for what nobody is told any more: clients stay with what they know, and those that come now are refused. */
  readonly refusal?: Refusal;
}

/** Why there is nothing to tell: the stream ends, and the client asks again. */
export interface Refusal {
  readonly code: number;
  readonly details: string;
}

export type Look<V extends View> = () => V | Refusal;

export interface SharedViewsOptions<V extends View> {
  subscribe(topics: readonly string[], listener: () => void): () => void;
  /** Told of a view that could not be made anew: its clients stay with what they know. */
  onError(key: string, error: Error): void;
  onOverflow(view: V): void;
  /** Told of each view that was made, and whether clients were told it. */
  onView?(view: V, told: boolean): void;
}

/** Views that many clients are told, each made and encoded once for all of them. */
export class SharedViews<V extends View> {
  private readonly options: SharedViewsOptions<V>;
  private readonly views = new Map<string, SharedView<V>>();

  constructor(options: SharedViewsOptions<V>) {
    this.options = options;
  }

  /** Those that somebody follows, and by how many. */
  *all(): Iterable<{ readonly view: V; readonly followers: number }> {
    for (const { view, streams } of this.views.values()) yield { view, followers: streams.size };
  }

  /** Tells the view of a key at once, and then whenever it changes. Whoever asks for one key must mean the same. */
  serve(key: string, look: Look<V>, stream: OutgoingStream): void {
    let shared = this.views.get(key);
    const view = shared?.view ?? look();
    const refusal = 'code' in view ? view : view.refusal;
    if (refusal !== undefined) {
      stream.end(refusal.code, refusal.details);
      return;
    }
    if (shared === undefined) {
      shared = new SharedView(key, view as V, look, this.options, () => this.views.delete(key));
      this.views.set(key, shared);
    }
    shared.join(stream);
  }
}

class SharedView<V extends View> implements StreamOwner {
  view: V;
  readonly streams = new Set<OutgoingStream>();
  private readonly key: string;
  private readonly look: Look<V>;
  private readonly options: SharedViewsOptions<V>;
  private readonly onUnused: () => void;
  private readonly listener = (): void => this.refresh();
  private message: Buffer;
  private stop: () => void;

  constructor(key: string, first: V, look: Look<V>, options: SharedViewsOptions<V>, onUnused: () => void) {
    this.key = key;
    this.view = first;
    this.message = first.message;
    this.look = look;
    this.options = options;
    this.onUnused = onUnused;
    this.stop = options.subscribe(first.topics, this.listener);
    options.onView?.(first, true);
  }

  join(stream: OutgoingStream): void {
    this.streams.add(stream);
    stream.owner = this;
    stream.send(this.message);
    // It may have gone while its call was read.
    if (!stream.open) this.closed(stream);
  }

  closed(stream: OutgoingStream): void {
    if (!this.streams.delete(stream) || this.streams.size > 0) return;
    this.stop();
    this.onUnused();
  }

  overflowed(): void {
    this.options.onOverflow(this.view);
  }

  private refresh(): void {
    let next: V | Refusal;
    try {
      next = this.look();
    } catch (error) {
      this.options.onError(this.key, error as Error);
      return;
    }
    if ('code' in next) {
      for (const stream of [...this.streams]) stream.end(next.code, next.details);
      return;
    }
    if (!sameTopics(this.view.topics, next.topics)) {
      this.stop();
      this.stop = this.options.subscribe(next.topics, this.listener);
    }
    this.view = next;
    const { message } = next;
    if (next.refusal !== undefined) return;
    const told = !message.equals(this.message);
    this.message = message;
    this.options.onView?.(next, told);
    if (told) for (const stream of [...this.streams]) stream.send(message);
  }
}

function sameTopics(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((topic, index) => topic === b[index]);
}
