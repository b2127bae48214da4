import { checkProps } from '../props/check-props.ts';
import { form, needed, text } from '../props/form.ts';
/** How labels of metrics are told to a statsd server. */
export class StatsdTags {
  /** As DogStatsD's tags: `tulle.request_total:1|c|#direction:inbound`. */
  static readonly DOGSTATSD = new StatsdTags('dogstatsd');
  /** As Librato's tags, in the name: `tulle.request_total#direction=inbound:1|c`. */
  static readonly LIBRATO = new StatsdTags('librato');
  /** Not at all, but for direction and classification as words of the name: `tulle.request_total.inbound:1|c`. */
  static readonly NONE = new StatsdTags('none');

  /** Value of the annotation `config.tulle.dev/statsd-tags`. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }
}

const tagsForm = form(
  'StatsdTags.DOGSTATSD, StatsdTags.LIBRATO or StatsdTags.NONE',
  (value) => value instanceof StatsdTags,
);

/** The statsd server that a sidecar sends its metrics to. */
export class Statsd {
  /**
   * An agent on each node, at this port of the node.
   *
   * @param port by default 8125
   * @param tags by default those of DogStatsD
   */
  static node(port = 8125, tags: StatsdTags = StatsdTags.DOGSTATSD): Statsd {
    return new Statsd(`node:${validPort(port)}`, tags);
  }

  /**
   * A server at a name or address.
   *
   * @param host such as `statsd.monitoring`
   * @param port by default 8125
   * @param tags by default those of DogStatsD
   */
  static server(host: string, port = 8125, tags: StatsdTags = StatsdTags.DOGSTATSD): Statsd {
    checkProps({ host: needed(text) }, { host });
    if (!/^(?!node$)[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9.])?$|^\[[0-9A-Fa-f:.]{2,45}\]$/.test(host)) {
      throw new Error(`'host' (${host}) must be a name or address such as statsd.monitoring, 10.0.0.1 or [fd00::1]`);
    }
    return new Statsd(`${host}:${validPort(port)}`, tags);
  }

  /**
   * A Unix socket of datagrams. The volume that it is in has to be mounted into the sidecar.
   *
   * @param path from the root
   * @param tags by default those of DogStatsD
   */
  static unixSocket(path: string, tags: StatsdTags = StatsdTags.DOGSTATSD): Statsd {
    checkProps({ path: needed(text) }, { path });
    if (!/^\/\S{1,105}$/.test(path)) {
      throw new Error(
        `'path' (${path}) must be a path from the root, of at most 106 characters, such as /run/statsd.sock`,
      );
    }
    return new Statsd(`unix:${path}`, tags);
  }

  /** Value of the annotation `config.tulle.dev/statsd-address`. */
  readonly address: string;
  /** How labels of metrics are told. */
  readonly tags: StatsdTags;

  private constructor(address: string, tags: StatsdTags) {
    checkProps({ tags: needed(tagsForm) }, { tags });
    this.address = address;
    this.tags = tags;
  }
}

function validPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`'port' (${port}) must be a port from 1 to 65535`);
  }
  return port;
}
