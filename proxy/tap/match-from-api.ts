import { HttpMethod_Registered, Scheme_Registered } from '../../api/gen/http_types_pb.js';
import type {
  ObserveRequest_Match,
  ObserveRequest_Match_Http,
  ObserveRequest_Match_Http_StringMatch,
  ObserveRequest_Match_Tcp,
} from '../../api/gen/tap_pb.js';
import type { TapMatch, TapMatch_Range } from '../../api/gen/tulle_pb.js';
import { ipFromApi } from '../control/addresses.ts';
import { IpNetwork } from '../wire/ip-network.ts';
import {
  All,
  Any,
  type End,
  HasLabel,
  InNetwork,
  InPorts,
  InStatus,
  type Match,
  Not,
  RequestHeader,
  RequestPart,
  type TextMatch,
} from './match.ts';

/** A match that cannot be: `message` says why, to who sent it. */
export class BadMatch extends Error {}

/** Every request is held against all of it. */
const maxDepth = 16;
const maxParts = 256;
/** Of one text in it. */
const maxTextLength = 1024;

/** Reads what requests are tapped by, as Linkerd's proxy does (linkerd/proxy/tap/src/grpc/match_.rs). Throws a BadMatch. */
export function matchFromApi(match: ObserveRequest_Match | undefined): Match {
  return new Reader().read(match, 1);
}

class Reader {
  private parts = 0;

  read(match: ObserveRequest_Match | undefined, depth: number): Match {
    if (depth > maxDepth) throw new BadMatch(`a match of more than ${maxDepth} levels`);
    if (++this.parts > maxParts) throw new BadMatch(`a match of more than ${maxParts} parts`);
    const kind = match?.match;
    switch (kind?.case) {
      case 'all':
        return new All(kind.value.matches.map((part) => this.read(part, depth + 1)));
      case 'any':
        return new Any(kind.value.matches.map((part) => this.read(part, depth + 1)));
      case 'not':
        return new Not(this.read(kind.value, depth + 1));
      case 'source':
      case 'destination':
        return addressMatch(kind.case, kind.value);
      case 'destinationLabel':
        return new HasLabel('destination', required(kind.value.key), required(kind.value.value));
      case 'routeLabel':
        return new HasLabel('route', required(kind.value.key), required(kind.value.value));
      case 'http':
        return httpMatch(kind.value);
      case 'more':
        return ownMatch(kind.value);
      default:
        throw new BadMatch('missing required field');
    }
  }
}

function addressMatch(end: End, { match }: ObserveRequest_Match_Tcp): Match {
  if (match.case === 'netmask') {
    const { ip, mask } = match.value;
    const address = ipFromApi(ip);
    if (address === undefined || mask === 0) throw new BadMatch('missing required field');
    if (mask > (address.version === 4 ? 32 : 128)) throw new BadMatch('invalid network address');
    return new InNetwork(end, new IpNetwork(address, mask));
  }
  if (match.case !== 'ports') throw new BadMatch('missing required field');
  const min = match.value.min === 0 ? match.value.max : match.value.min;
  const max = match.value.max === 0 ? match.value.min : match.value.max;
  if (min === 0) throw new BadMatch('missing required field');
  if (min > 65_535 || max > 65_535) throw new BadMatch('invalid port number');
  return new InPorts(end, min, max);
}

function httpMatch({ match }: ObserveRequest_Match_Http): Match {
  switch (match.case) {
    case 'scheme': {
      const { type } = match.value;
      const scheme = type.case === 'registered' ? Scheme_Registered[type.value]?.toLowerCase() : type.value;
      if (scheme === undefined || !/^[a-z][a-z0-9+.-]{0,63}$/.test(scheme))
        throw new BadMatch('invalid request scheme');
      return new RequestPart('scheme', { kind: 'exact', text: scheme });
    }
    case 'method': {
      const { type } = match.value;
      const method = type.case === 'registered' ? HttpMethod_Registered[type.value] : type.value;
      if (method === undefined || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(method))
        throw new BadMatch('invalid http method');
      return new RequestPart('method', { kind: 'exact', text: method });
    }
    case 'authority':
    case 'path':
      return new RequestPart(match.case, textMatch(match.value.match));
    default:
      throw new BadMatch('missing required field');
  }
}

function ownMatch({ match }: TapMatch): Match {
  switch (match.case) {
    case 'requestHeader': {
      const { name, value } = match.value;
      return new RequestHeader(required(name).toLowerCase(), value.case === undefined ? undefined : textMatch(value));
    }
    case 'status':
      return inStatus('status', match.value, 100, 599);
    case 'grpcStatus':
      return inStatus('grpcStatus', match.value, 0, 16);
    default:
      throw new BadMatch('missing required field');
  }
}

function inStatus(of: 'status' | 'grpcStatus', { min, max }: TapMatch_Range, least: number, most: number): Match {
  if (min > max || min < least || max > most) throw new BadMatch(`a range of statuses must be within ${least}-${most}`);
  return new InStatus(of, min, max);
}

function textMatch(match: ObserveRequest_Match_Http_StringMatch['match']): TextMatch {
  if (match.case === undefined) throw new BadMatch('missing required field');
  return { kind: match.case, text: bounded(match.value) };
}

function required(text: string): string {
  if (text === '') throw new BadMatch('missing required field');
  return bounded(text);
}

function bounded(text: string): string {
  if (text.length > maxTextLength) throw new BadMatch(`a text of more than ${maxTextLength} characters`);
  return text;
}
