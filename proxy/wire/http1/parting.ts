import { Since } from '../deadlines.ts';

/** From the last byte of a client to its FIN, for the FIN to belong to what it sent. */
const graceMs = 500;
/** How long a client that has ended its direction waits for its answer while nothing of one comes. */
const waitMs = 60_000;

/**
 * What the FIN of a client means that waits for an answer. In TCP it only ends the client's direction: `nc -N` and
 * BusyBox's wget send it right behind their request, and wait. But it is also all that is seen of a client that closed
 * its connection, where the server works for nobody. HTTP leaves open which (httpwg/http-core#22); nginx
 * (unless `proxy_ignore_client_abort`), Envoy, hyper (unless `half_close`) and HAProxy (`abortonclose`) cancel it then.
 *
 * Here the time tells them apart. A FIN within half a second of the last byte that the client sent belongs to what it
 * sent: all its requests are answered, and it may wait, a minute at most while nothing of an answer comes. A later one,
 * while an answer is awaited or under way, is the client's going: the request is cancelled. So a client that half-closes
 * late on purpose loses its answer; one that gives up within half a second keeps its server at work for that minute at
 * most, or until the first write to it fails.
 */
export class Parting {
  private readonly nowMs: () => number;
  private heardMs = 0;
  private readonly silentSince = new Since();
  /** The client has sent FIN. */
  ended = false;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** Bytes of the client have come. */
  heard(): void {
    this.heardMs = this.nowMs();
  }

  /** A FIN has come. Returns true when the client waits for what it asked for. */
  end(): boolean {
    this.ended = true;
    return this.nowMs() - this.heardMs <= graceMs;
  }

  /** Something of an answer was written. */
  answered(): void {
    if (this.ended) this.silentSince.restart();
  }

  /** Looked at now and then: true when a client that has ended its direction has waited for too long. */
  isOver(waits: boolean, nowMs: number): boolean {
    return this.silentSince.exceeds(this.ended && waits, nowMs, waitMs);
  }
}
