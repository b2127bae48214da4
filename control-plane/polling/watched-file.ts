import { readFile, stat } from 'node:fs/promises';

/**
 * Files that are read again when they change, together: a certificate and its key, say. A set that cannot be used is
 * reported, and the last good one stays in use.
 */
export class WatchedFiles<T> {
  current: T | undefined = undefined;
  private readonly paths: readonly string[];
  private readonly load: (texts: readonly string[]) => T | Promise<T>;
  private readonly onProblem: (message: string) => void;
  private readonly timer: NodeJS.Timeout;
  private stamp = '';

  constructor(
    paths: readonly string[],
    load: (texts: readonly string[]) => T | Promise<T>,
    onProblem: (message: string) => void,
    intervalMs = 1000,
  ) {
    this.paths = paths;
    this.load = load;
    this.onProblem = onProblem;
    this.timer = setInterval(() => void this.refresh(), intervalMs);
    this.timer.unref();
  }

  /** Looks at the files now. Never throws. */
  async refresh(): Promise<void> {
    let stamp = '';
    try {
      const stats = await Promise.all(this.paths.map((path) => stat(path)));
      stamp = stats.map(({ mtimeMs, ctimeMs, size }) => `${mtimeMs} ${ctimeMs} ${size}`).join();
      if (stamp === this.stamp) return;
      this.current = await this.load(await Promise.all(this.paths.map((path) => readFile(path, 'utf8'))));
    } catch (error) {
      const message = `${this.paths.join(', ')}: ${(error as Error).message}`;
      // The same trouble is told once, until the files change.
      if (stamp === '' && this.stamp === message) return;
      this.stamp = stamp === '' ? message : stamp;
      this.onProblem(message);
      return;
    }
    this.stamp = stamp;
  }

  close(): void {
    clearInterval(this.timer);
  }
}
