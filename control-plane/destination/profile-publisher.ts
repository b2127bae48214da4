import { toBinary } from '@bufbuild/protobuf';
import { DestinationProfileSchema } from '../../api/gen/destination_pb.js';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import type { ProfileView } from './profiles.ts';

/** Told of a profile at once, and then of each change. Messages are encoded DestinationProfiles. */
export type ProfileListener = (message: Buffer) => void;

/** The profile of one target, computed and encoded once for all clients that are told the same. */
export class ProfilePublisher {
  /** The answer as of now. When a pod that was there is not any more, clients are told nothing. */
  view: ProfileView;
  readonly listeners = new Set<ProfileListener>();
  private readonly index: ClusterIndex;
  private readonly look: () => ProfileView;
  private readonly onView: (view: ProfileView, told: boolean) => void;
  private message: Buffer;
  private stop: () => void;

  /** `onView` is called with each answer, and whether clients are told it. */
  constructor(index: ClusterIndex, look: () => ProfileView, onView: (view: ProfileView, told: boolean) => void) {
    this.index = index;
    this.look = look;
    this.onView = onView;
    this.view = look();
    this.message = encode(this.view);
    this.stop = index.subscribe(this.view.topics, () => this.onChange());
    onView(this.view, true);
  }

  subscribe(listener: ProfileListener): void {
    this.listeners.add(listener);
    listener(this.message);
  }

  close(): void {
    this.stop();
  }

  private onChange(): void {
    const view = this.look();
    this.stop();
    this.stop = this.index.subscribe(view.topics, () => this.onChange());
    this.view = view;
    if (view.missing !== undefined) return;
    const message = encode(view);
    const told = !message.equals(this.message);
    this.message = message;
    this.onView(view, told);
    if (told) for (const listener of [...this.listeners]) listener(message);
  }
}

const encode = ({ profile }: ProfileView): Buffer => Buffer.from(toBinary(DestinationProfileSchema, profile));
