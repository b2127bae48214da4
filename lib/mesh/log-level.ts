/** How much components of the control plane log. Sidecars have `logLevel` of `ProxyOptions`. */
export class LogLevel {
  /** What stops a component. */
  static fatal(): LogLevel {
    return new LogLevel('fatal');
  }

  /** What fails, too. */
  static error(): LogLevel {
    return new LogLevel('error');
  }

  /** What may be wrong, too. */
  static warn(): LogLevel {
    return new LogLevel('warn');
  }

  /** What changes, too. */
  static info(): LogLevel {
    return new LogLevel('info');
  }

  /** Single steps, too. */
  static debug(): LogLevel {
    return new LogLevel('debug');
  }

  /** As the environment of a component has it. */
  readonly name: string;

  private constructor(name: 'fatal' | 'error' | 'warn' | 'info' | 'debug') {
    this.name = name;
  }
}
