import type { TapEvent } from '../../api/gen/tap_pb.js';
import type { Resource, TapByResourceRequest } from '../../api/gen/viz_tap_pb.js';

/** Told of a tap while it runs. */
export interface TapHandlers {
  onEvent(event: TapEvent): void;
  /** Something is missing of it, which goes on. */
  onProblem(message: string): void;
}

export interface RunningTap {
  /** Resolves when nothing more will come; rejects with a CommandError that says why, where that is no good reason. */
  readonly ended: Promise<void>;
  close(): void;
}

/** How a server is reached, past its sidecar. */
export interface WayToServer {
  /** `host:port`. */
  readonly address: string;
  /** Why it led nowhere; undefined where that is not known. */
  readonly problem: () => string | undefined;
  close(): void;
}

/** A mesh whose requests can be looked at. */
export interface TapSource {
  /** Of requests that name no namespace. */
  readonly namespace: string;
  /** Resolves when requests are told. Rejects with a CommandError. */
  tap(request: TapByResourceRequest, handlers: TapHandlers): Promise<RunningTap>;
  /** The way to the server of a request, where `tapped` is tapped. Rejects with an Error that says why there is none. */
  wayTo(event: TapEvent, tapped: Resource): Promise<WayToServer>;
  close(): void;
}
