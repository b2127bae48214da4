import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import type { Timers } from '../clock.ts';
import { closeDescriptor, connectUnixDatagrams, sendDatagram } from './system-calls.ts';

/** What fits in one frame of Ethernet with the headers of IPv6 and UDP (1,500 - 48), with some room for tunnels. */
const mostUdpBytes = 1432;
/** What servers of Unix datagrams read at a time by default. */
const mostUnixBytes = 8192;
/** A name is looked up, and a path tried, again after this. */
const retryMs = 10_000;

/** Datagrams to a host and port. Its name is looked up now and then: servers move. */
export class UdpSender {
  readonly mostBytes = mostUdpBytes;
  private readonly host: string;
  private readonly port: number;
  private readonly timers: Timers;
  private socket: Socket | undefined = undefined;
  private address: string | undefined = undefined;
  private closed = false;

  constructor(host: string, port: number, timers: Timers) {
    this.host = host;
    this.port = port;
    this.timers = timers;
    this.find();
  }

  send(packet: string): boolean {
    const { socket, address } = this;
    if (socket === undefined || address === undefined) return false;
    socket.send(packet, this.port, address, () => {});
    return true;
  }

  close(): void {
    this.closed = true;
    this.socket?.close();
    this.socket = undefined;
  }

  private find(): void {
    if (this.closed) return;
    lookup(this.host, (error, address, family) => {
      if (this.closed) return;
      this.timers.after(retryMs, () => this.find());
      if (error !== null || address === this.address) return;
      this.socket?.close();
      this.socket = createSocket(family === 6 ? 'udp6' : 'udp4');
      // Nobody listens there (ECONNREFUSED): the next one may be luckier.
      this.socket.on('error', () => {});
      this.socket.unref();
      this.address = address;
    });
  }
}

/** Datagrams to a Unix socket, such as that of an agent of the node. */
export class UnixDatagramSender {
  readonly mostBytes = mostUnixBytes;
  private readonly path: string;
  private readonly nowMs: () => number;
  private fd = -1;
  private triedMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, nowMs: () => number) {
    this.path = path;
    this.nowMs = nowMs;
  }

  send(packet: string): boolean {
    if (this.fd < 0 && !this.connect()) return false;
    const sent = sendDatagram(this.fd, packet);
    // The agent was started again, and its socket is another one.
    if (sent === 'gone') this.close();
    return sent === 'sent';
  }

  close(): void {
    closeDescriptor(this.fd);
    this.fd = -1;
  }

  private connect(): boolean {
    const nowMs = this.nowMs();
    if (nowMs - this.triedMs < retryMs) return false;
    this.triedMs = nowMs;
    this.fd = connectUnixDatagrams(this.path);
    return this.fd >= 0;
  }
}
