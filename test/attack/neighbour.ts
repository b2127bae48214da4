import { type ClientHttp2Session, connect } from 'node:http2';

/** An ordinary client that asks one request after the other over one connection, while others do what they do. */
export class Neighbour {
  readonly latenciesMs: number[] = [];
  readonly failures: string[] = [];
  private readonly session: ClientHttp2Session;
  private readonly running: Promise<void>;
  private over = false;

  constructor(port: number) {
    this.session = connect(`http://127.0.0.1:${port}`);
    this.session.on('error', (error) => this.failures.push(error.message));
    this.running = this.run();
  }

  /** Resolves when the last request is over. */
  async stop(): Promise<void> {
    this.over = true;
    await this.running;
    this.session.destroy();
  }

  /** The latency that so much of all requests stayed below. */
  quantileMs(quantile: number): number {
    const sorted = this.latenciesMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.POSITIVE_INFINITY;
  }

  private async run(): Promise<void> {
    while (!this.over) {
      const beganMs = performance.now();
      const status = await this.ask();
      if (status === 200) this.latenciesMs.push(performance.now() - beganMs);
      else this.failures.push(String(status));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  private ask(): Promise<unknown> {
    return new Promise((resolve) => {
      const stream = this.session.request({ ':path': '/' });
      stream.on('response', (headers) => resolve(headers[':status'])).on('error', (error) => resolve(error.message));
      stream.resume();
    });
  }
}
