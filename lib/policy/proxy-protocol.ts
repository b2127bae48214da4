/** What is spoken on a port. */
export class ProxyProtocol {
  /** Found out from the first bytes of each connection. */
  static detect(): ProxyProtocol {
    return new ProxyProtocol('unknown');
  }

  /** HTTP/1.1 and older. */
  static http1(): ProxyProtocol {
    return new ProxyProtocol('HTTP/1');
  }

  /** HTTP/2, gRPC too. */
  static http2(): ProxyProtocol {
    return new ProxyProtocol('HTTP/2');
  }

  /** gRPC, so that its routes can be told. */
  static grpc(): ProxyProtocol {
    return new ProxyProtocol('gRPC');
  }

  /** Bytes that are passed on as they are. */
  static opaque(): ProxyProtocol {
    return new ProxyProtocol('opaque');
  }

  /** TLS that the application itself ends. */
  static tls(): ProxyProtocol {
    return new ProxyProtocol('TLS');
  }

  /** As a Server has it: `HTTP/2`. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }
}
