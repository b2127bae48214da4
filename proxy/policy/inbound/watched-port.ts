import { RateMeters } from './rate-meters.ts';
import type { ServerPolicy } from './server-policy.ts';

/** A port of the workload, as the control plane speaks of it: shared by all of its connections. */
export class WatchedPort {
  readonly port: number;
  /** A port that the workload declares is watched for ever, any other as long as it is used. */
  readonly declared: boolean;
  /** Connections that use it. */
  users = 0;
  /** When the last of them went. */
  idleSinceMs: number;
  /** What holds is the default, for the control plane has not spoken in time. */
  isDefault = false;
  /** Requests to it, as far as its policy limits them. */
  readonly meters = new RateMeters();
  private known: ServerPolicy | undefined;
  private readonly listeners = new Set<() => void>();
  private watch: { close(): void } | undefined = undefined;

  /** `policy` is undefined as long as the control plane has not spoken. */
  constructor(port: number, declared: boolean, policy: ServerPolicy | undefined, nowMs: number) {
    this.port = port;
    this.declared = declared;
    this.known = policy;
    this.idleSinceMs = nowMs;
  }

  get policy(): ServerPolicy | undefined {
    return this.known;
  }

  follow(watch: { close(): void }): void {
    this.watch = watch;
  }

  replace(policy: ServerPolicy): void {
    this.known = policy;
    for (const listener of [...this.listeners]) listener();
  }

  listen(listener: () => void): void {
    this.listeners.add(listener);
  }

  unlisten(listener: () => void): void {
    this.listeners.delete(listener);
  }

  close(): void {
    this.watch?.close();
  }
}
