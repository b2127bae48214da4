/** Something that can be asked to finish what it does and then close. */
export interface Drainable {
  drain(): void;
}

/** The connections that are served now: a shutdown asks each to finish, and waits until none is left. */
export class OpenConnections {
  private readonly open = new Set<Drainable>();
  private draining = false;
  private onEmpty: (() => void) | undefined = undefined;

  get count(): number {
    return this.open.size;
  }

  add(connection: Drainable): void {
    this.open.add(connection);
    if (this.draining) connection.drain();
  }

  remove(connection: Drainable): void {
    if (this.open.delete(connection) && this.open.size === 0) this.onEmpty?.();
  }

  /** Calls `done` once when the last connection has closed. */
  drain(done: () => void): void {
    this.draining = true;
    if (this.open.size === 0) {
      done();
      return;
    }
    this.onEmpty = () => {
      this.onEmpty = undefined;
      done();
    };
    for (const connection of [...this.open]) connection.drain();
  }
}
