import { Resolver } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { isWithin } from '../../../lib/contract/cidr.ts';
import { formatKeySet, readKeySet } from '../../../lib/contract/key-set.ts';
import { isPublicAddress, plainAddress } from './public-address.ts';

export interface FetchOptions {
  /** Addresses that are not of the internet, or of the cluster, and may be fetched from all the same: CIDRs. */
  readonly networks: readonly string[];
  /** The cluster's own, which may be public ones. */
  readonly clusterNetworks: readonly string[];
  /** Certificates of authorities, PEM, besides those that Node trusts by itself. */
  readonly authorities?: readonly string[];
  /** For connection and answer together. Default 10 s. */
  readonly timeoutMs?: number;
  /** The addresses of a name. By default those that DNS has: other ways to look one up would wait in threads that others need. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/**
 * Why keys were not fetched. `message` is for whoever wrote the URL, and says no more of the network than that: who may
 * write objects in one namespace must not learn by it what answers where. `detail` is for the log.
 */
export class FetchError extends Error {
  readonly detail: string;

  constructor(message: string, detail = message) {
    super(message);
    this.detail = detail;
  }
}

const unreachable = (detail: string): FetchError =>
  new FetchError(
    'cannot be fetched: it must answer by https, at a public address, with a certificate for its name',
    detail,
  );

/** What issuers publish has a few kilobytes. */
const maxBytes = 64 * 1024;

/**
 * Fetches a key set, and gives back what can be used of it. A tenant chooses the URL, and this process reaches what the
 * tenant may not: so only the internet is asked, or what the administrator allows, at the very address that was looked
 * up, with a bound for size and time, without following where an answer leads. In plain text only where allowed: who
 * could change an answer on its way would make tokens.
 */
export async function fetchKeySet(text: string, options: FetchOptions): Promise<string> {
  const url = new URL(text);
  const isPlain = url.protocol === 'http:';
  const isAllowed = (address: string): boolean => {
    const plain = plainAddress(address);
    if (isWithin(plain, options.networks)) return true;
    return !isPlain && isPublicAddress(plain) && !isWithin(plain, options.clusterNetworks);
  };
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(host) === 0 ? await addressesOf(host, options.resolve ?? byDns) : [host];
  const allowed = addresses.filter(isAllowed);
  if (allowed.length === 0) throw unreachable(`${host} leads to ${addresses.join(', ') || 'no address'}`);
  const body = await get(url, allowed, options);
  const { keys, problems } = readKeySet(body);
  if (keys.length === 0) throw new FetchError(`the answer holds no key: it ${problems[0]}`);
  return formatKeySet(keys);
}

async function addressesOf(
  host: string,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch (error) {
    throw unreachable((error as Error).message);
  }
}

/** Of either family; a name often has one of them only. */
async function byDns(host: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const [first] = found;
  if (addresses.length === 0 && first.status === 'rejected') throw first.reason as Error;
  return addresses;
}

/** The connection goes to one of `addresses`, whatever the name means by then. */
function get(url: URL, addresses: readonly string[], options: FetchOptions): Promise<string> {
  const { authorities = [], timeoutMs = 10_000 } = options;
  const lookup: LookupFunction = (_host, { all }, found) => {
    if (all)
      found(
        null,
        addresses.map((address) => ({ address, family: isIP(address) })),
      );
    else found(null, addresses[0], isIP(addresses[0]));
  };
  return new Promise((done, failed) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const asked = request(url, {
      agent: false,
      lookup,
      headers: { accept: 'application/json', 'user-agent': 'tulle-destination' },
      signal: AbortSignal.timeout(timeoutMs),
      ...(authorities.length === 0 ? {} : { ca: [...authorities, ...rootCertificates] }),
    });
    asked.on('error', (error) => failed(unreachable(error.message)));
    asked.on('response', (response) => {
      const refuse = (why: string): void => {
        failed(new FetchError(why));
        asked.destroy();
      };
      if (response.statusCode !== 200) {
        refuse(`is answered with ${response.statusCode}, and must be with 200`);
        return;
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) refuse(`the answer has more than ${maxBytes} bytes`);
        else chunks.push(chunk);
      });
      response.on('error', (error) => failed(unreachable(error.message)));
      response.on('end', () => done(Buffer.concat(chunks).toString('utf8')));
    });
    asked.end();
  });
}
