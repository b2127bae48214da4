/** What can stand in the bag; its place there is the bag's. */
export interface Unconnectable {
  unconnectedAt: number;
}

/** A bag of endpoints that are not connected: put in, taken out and drawn from in no time, however many they are. */
export class Unconnected<T extends Unconnectable> {
  private readonly endpoints: T[] = [];

  get size(): number {
    return this.endpoints.length;
  }

  add(endpoint: T): void {
    endpoint.unconnectedAt = this.endpoints.push(endpoint) - 1;
  }

  remove(endpoint: T): void {
    const last = this.endpoints.pop() as T;
    if (last === endpoint) return;
    this.endpoints[endpoint.unconnectedAt] = last;
    last.unconnectedAt = endpoint.unconnectedAt;
  }

  /** One that `holds`, from a place by chance on. It looks at all where none does. */
  anyOf(holds: (endpoint: T) => boolean, random: number): T | undefined {
    const { endpoints } = this;
    const from = Math.floor(random * endpoints.length);
    for (let i = 0; i < endpoints.length; i++) {
      const endpoint = endpoints[(from + i) % endpoints.length];
      if (holds(endpoint)) return endpoint;
    }
    return undefined;
  }

  /** `random` is in [0, 1). */
  any(random: number): T | undefined {
    return this.endpoints[Math.floor(random * this.endpoints.length)];
  }
}
