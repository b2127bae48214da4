import { type LogLevel, logLevels, logThreshold } from './log-filter.ts';

export { type LogLevel, logLevels } from './log-filter.ts';

export interface LogFields {
  readonly [name: string]: string | number | boolean | undefined;
}

/** Of one value, in characters: the rest says nothing that a reader would still take in. */
const maxValueLength = 4096;
/** Of all values of a line together, before what is escaped in them. */
const maxLineLength = 8192;

/**
 * Writes one line for each event. Never give it a token, a key or a header value.
 *
 * What peers had a hand in may stand in any value: whatever it is, an event is one line without control characters, of a
 * bounded length, and no value can be taken for another one or for a field of its own.
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
    const shown = bounded(message, fields);
    if (this.format === 'json') {
      const line = JSON.stringify({ timestamp, level: shownLevel, fields: shown, target: this.target });
      this.write(`${escaped(line)}\n`);
      return;
    }
    let line = `${timestamp} ${shownLevel.padEnd(5)} ${escaped(shown.message)}`;
    for (const [name, value] of Object.entries(shown)) {
      if (name !== 'message' && value !== undefined) line += ` ${name}=${plainValue(value)}`;
    }
    this.write(`${line}\n`);
  }
}

/** The message and the fields, as far as a line has room for them. */
function bounded(message: string, fields: LogFields): LogFields & { message: string } {
  let left = maxLineLength;
  const cut = (text: string): string => {
    const room = Math.min(left, maxValueLength);
    left -= Math.min(room, text.length);
    return text.length > room ? `${text.slice(0, room)}...` : text;
  };
  const shown: Record<string, LogFields[string]> & { message: string } = { message: cut(message) };
  for (const [name, value] of Object.entries(fields)) shown[name] = typeof value === 'string' ? cut(value) : value;
  return shown;
}

/** In quotes where it could be read as a value and fields behind it. */
function plainValue(value: Exclude<LogFields[string], undefined>): string {
  const text = String(value);
  return /^"|\s[^\s=]*=/.test(text) ? escaped(JSON.stringify(text)) : escaped(text);
}

/** Lines, colours, and the direction of writing are the log's own. What JSON has escaped already is not met again. */
const escaped = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (character) => escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
