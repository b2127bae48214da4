/** An object that is wrong all over must not fill the memory, or the log. */
const defaultLimit = 100;
const longestShown = 100;

/** Collects what is wrong with an object, each with the path of its field: `spec.port (0) must be ...`. */
export class Problems {
  readonly list: string[] = [];
  private readonly limit: number;

  /** More than `limit` problems are not collected. */
  constructor(limit = defaultLimit) {
    this.limit = limit;
  }

  /** Whether more would not be collected. */
  get isFull(): boolean {
    return this.list.length >= this.limit;
  }

  add(path: string, rule: string, value?: unknown): void {
    if (this.isFull) return;
    this.list.push(value === undefined ? `${path} ${rule}` : `${path} (${show(value)}) ${rule}`);
  }
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}
