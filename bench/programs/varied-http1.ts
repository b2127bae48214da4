/**
 * Sends HTTP/1.1 GETs as fast as they are answered, each with a path of 20,000 and a header of its own, and with one of the
 * tokens of a file, a JSON list, if there is one.
 *
 * Usage: bun varied-http1.ts HOST PORT AUTHORITY CONNECTIONS REQUESTS [TOKENS_FILE]
 */
import { readFileSync } from 'node:fs';
import { Http1Client } from '../../proxy/wire/http1/client.ts';
import type { ResponseHandler } from '../../proxy/wire/stream.ts';
import { fail, VariedLoad } from './varied-load.ts';

const [host, port, authority, connections, requests, tokensFile] = process.argv.slice(2);
const tokens: readonly string[] = tokensFile === undefined ? [] : JSON.parse(readFileSync(tokensFile, 'utf8'));

const load: VariedLoad<Http1Client> = new VariedLoad({
  authority,
  method: 'GET',
  path: '/hello',
  fields: [['user-agent', 'varied-http1']],
  tokens,
  requests: Number(requests),
  client: (parts) => new Http1Client({ ...parts, onAvailable: (client) => load.next(client) }),
  send(client, head) {
    if (client.request(head, true, answer) === undefined) fail('the connection took no request');
  },
});

const answer: ResponseHandler = {
  onInformational() {},
  onResponse({ status }) {
    if (status !== 200) fail(`status ${status}`);
  },
  onData(_chunk, end) {
    if (end) load.answered();
  },
  onTrailers() {},
  onSent() {},
  onReset: (_code, reason) => fail(`the request was reset: ${reason}`),
};

load.start(host, Number(port), Number(connections), 1);
