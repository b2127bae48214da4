import { connect, type Socket } from 'node:net';

/** A tunnel through a proxy in explicit mode, once that has answered. Whoever asked for it ends it. */
export function openTunnel(proxy: { host: string; port: number }, target: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(proxy.port, proxy.host);
    let answer = '';
    const onData = (chunk: Buffer): void => {
      answer += chunk;
      if (!answer.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.off('error', reject);
      // What comes of it is for who reads it.
      socket.on('error', () => {});
      if (answer.startsWith('HTTP/1.1 200 ')) resolve(socket);
      else reject(new Error(`no tunnel: ${answer}`));
    };
    socket.on('data', onData);
    socket.once('error', reject);
    socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
  });
}

/** All that comes until the peer ends or resets the connection: `reset` says which. */
export function readAll(socket: Socket): Promise<{ text: string; reset: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    let reset = false;
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {
      reset = true;
    });
    socket.on('close', () => resolve({ text, reset }));
  });
}
