/** Whether each request that a sidecar takes in is logged, and how. */
export class AccessLog {
  /** One JSON object for each request. */
  static json(): AccessLog {
    return new AccessLog('json');
  }

  /** One short line for each request. */
  static apache(): AccessLog {
    return new AccessLog('apache');
  }

  /** None, whatever namespace or mesh say. */
  static off(): AccessLog {
    return new AccessLog('off');
  }

  /** Value of the annotation `config.tulle.dev/access-log`. */
  readonly name: string;

  private constructor(name: 'json' | 'apache' | 'off') {
    this.name = name;
  }
}
