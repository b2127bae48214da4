/** A TLS ClientHello (RFC 8446 section 4.1.2) that asks for `serverName`, whatever is in it. */
export function clientHello(serverName: string): Buffer {
  const name = Buffer.from(serverName, 'latin1');
  const entry = Buffer.concat([Buffer.from([0]), length16(name.length), name]);
  const list = Buffer.concat([length16(entry.length), entry]);
  const extension = Buffer.concat([length16(0), length16(list.length), list]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32),
    Buffer.from([0, 0, 2, 0x13, 0x01, 1, 0]),
    length16(extension.length),
    extension,
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), length16(body.length), body]);
  return Buffer.concat([Buffer.from([22, 3, 1]), length16(message.length), message]);
}

function length16(length: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(length);
  return bytes;
}
