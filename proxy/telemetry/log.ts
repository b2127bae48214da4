/** Levels from the most to the least talkative, as `LINKERD2_PROXY_LOG` names them. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'off'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogFields {
  readonly [name: string]: string | number | boolean | undefined;
}

/** Writes one line for each event. Never give it a token, a key or a header value. */
export class Log {
  private readonly write: (line: string) => void;
  private readonly format: 'plain' | 'json';
  private readonly now: () => Date;
  private threshold: number;
  private readonly target: string;
  private filterText: string;

  constructor(
    filter: string,
    format: 'plain' | 'json',
    write: (line: string) => void,
    now: () => Date,
    target = 'tulle',
  ) {
    this.format = format;
    this.write = write;
    this.now = now;
    this.target = target;
    this.filterText = filter;
    this.threshold = thresholdOf(filter);
  }

  get filter(): string {
    return this.filterText;
  }

  /** Takes a filter such as `warn,linkerd=info`. Throws when it is none. */
  set filter(filter: string) {
    this.threshold = thresholdOf(filter);
    this.filterText = filter;
  }

  debug(message: string, fields?: LogFields): void {
    this.log('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.log('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.log('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.log('error', message, fields);
  }

  private log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (logLevels.indexOf(level) < this.threshold) return;
    const timestamp = this.now().toISOString();
    if (this.format === 'json') {
      this.write(
        `${JSON.stringify({ timestamp, level: level.toUpperCase(), target: this.target, message, ...fields })}\n`,
      );
      return;
    }
    const shown = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${value}`);
    this.write(`${timestamp} ${level.toUpperCase().padEnd(5)} ${message}${shown.join('')}\n`);
  }
}

/**
 * The threshold that a filter sets for this proxy. Filters are those of Linkerd's proxy: a level, then
 * `target=level` and `[span]=level` directives, of which `linkerd=` and `tulle=` are ours.
 */
function thresholdOf(filter: string): number {
  let threshold: number = logLevels.indexOf('warn');
  for (const directive of filter.split(',')) {
    const [target, level] = directive.includes('=') ? directive.split('=') : ['', directive];
    const index = (logLevels as readonly string[]).indexOf(level.trim().toLowerCase());
    if (index < 0)
      throw new Error(`'${directive}' is no log directive: write a level (${logLevels.join(', ')}) or target=level`);
    if (target === '' || target.trim() === 'linkerd' || target.trim() === 'tulle') threshold = index;
  }
  return threshold;
}
