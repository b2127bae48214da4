import { type LogLevel, logLevels, logThreshold } from './log-filter.ts';

export { type LogLevel, logLevels } from './log-filter.ts';

export interface LogFields {
  readonly [name: string]: string | number | boolean | undefined;
}

/** Of one value: the rest says nothing that a reader would still take in. */
const maxValueLength = 4096;

/**
 * Writes one line for each event. Never give it a token, a key or a header value.
 *
 * In JSON a line is as that of Linkerd's proxy: what the event says of itself, its message too, stands in `fields`.
 */
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
    this.threshold = logThreshold(filter);
  }

  get filter(): string {
    return this.filterText;
  }

  /** Takes a filter such as `warn,linkerd=info`. Throws when it is none. */
  set filter(filter: string) {
    this.threshold = logThreshold(filter);
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

  /** True when lines of this level are written: what costs something to say is said only then. */
  writes(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= this.threshold;
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.writes(level)) return;
    const timestamp = this.now().toISOString();
    const shownLevel = level.toUpperCase();
    if (this.format === 'json') {
      const shown: Record<string, unknown> = { message };
      for (const [name, value] of Object.entries(fields)) shown[name] = bounded(value);
      this.write(`${JSON.stringify({ timestamp, level: shownLevel, fields: shown, target: this.target })}\n`);
      return;
    }
    let line = `${timestamp} ${shownLevel.padEnd(5)} ${message}`;
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) line += ` ${name}=${oneLine(bounded(value))}`;
    }
    this.write(`${line}\n`);
  }
}

const bounded = (value: LogFields[string]): LogFields[string] =>
  typeof value === 'string' && value.length > maxValueLength ? `${value.slice(0, maxValueLength)}...` : value;

/** What a peer had a hand in must not write lines, or colours, of its own. */
const oneLine = (value: LogFields[string]): string =>
  String(value).replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
