import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { LineSplitter, SilentWatch, watchLines } from './watch-stream.ts';

const limits = { silenceMs: 10_000, maxLineBytes: 1000 };

test('lines are the same at whatever bytes they are cut, characters of several bytes included', () => {
  const text = fc.array(fc.string({ unit: 'binary' }).filter((line) => line !== '' && !line.includes('\n')));
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 20 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const decoded = lines.map((line) => Buffer.from(line).toString());
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
      const splitter = new LineSplitter(1_000_000);
      const found = places.slice(1).flatMap((end, index) => splitter.push(bytes.subarray(places[index], end)));
      expect(found).toEqual(decoded);
    }),
  );
});

test('a line is the same when it comes byte by byte', () => {
  const splitter = new LineSplitter(100);
  const bytes = Buffer.from('{"name":"Größe 🙂"}\n\n{}\n');
  expect([...bytes].flatMap((byte) => splitter.push(Buffer.from([byte])))).toEqual(['{"name":"Größe 🙂"}', '{}']);
});

test('a line that grows beyond its bound is refused, in one chunk or in many', () => {
  expect(() => new LineSplitter(10).push(Buffer.from('12345678901'))).toThrow('a line has more than 10 bytes');
  const splitter = new LineSplitter(10);
  splitter.push(Buffer.from('1234567890\n12345'));
  expect(() => splitter.push(Buffer.from('678901'))).toThrow('a line has more than 10 bytes');
});

let close: (() => void) | undefined;
afterEach(() => close?.());

/** A server's answer as its client sees it. */
async function answerOf(serve: (response: ServerResponse) => void): Promise<IncomingMessage> {
  const server = createServer((_request, response) => serve(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const request = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  // An error of the connection is told on both; the response's is the one that is looked at.
  request.on('error', () => {});
  const [response] = await once(request, 'response');
  return response;
}

async function linesOf(response: IncomingMessage, silenceMs = limits.silenceMs): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of watchLines(response, { ...limits, silenceMs })) lines.push(line);
  return lines;
}

test('a watch that the server ends gives its lines and ends', async () => {
  const response = await answerOf((served) => served.end('a\nb\n'));
  expect(await linesOf(response)).toEqual(['a', 'b']);
});

test('a watch on which nothing comes any more is a silent one', async () => {
  const response = await answerOf((served) => served.write('a\n'));
  await expect(linesOf(response, 50)).rejects.toBeInstanceOf(SilentWatch);
});

test('a watch that breaks off is an error of the system', async () => {
  const response = await answerOf((served) => {
    served.write('a\n');
    setTimeout(() => served.destroy(), 20);
  });
  await expect(linesOf(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
});
