import { durationMs } from '@bufbuild/protobuf/wkt';
import type { EndpointChoice, SessionAffinity, SessionAffinity_Session } from '../../../api/gen/tulle_pb.js';
import { type AffinitySetting, affinityLoad, affinityProblem, zoneLoad } from '../../../lib/contract/affinity.ts';
import { type SessionCarrier, sessionProblem } from '../../../lib/contract/session.ts';
import type { Affinity, AffinityKey, SessionKey } from '../../model/affinity.ts';
import type { EndpointChoices } from './model.ts';
import type { OnUnreadSetting } from './resilience-from-api.ts';

/** What endpoints are chosen by besides their load. What cannot hold is as if it were not there. */
export function choiceFromApi(choice: EndpointChoice | undefined, onUnread: OnUnreadSetting): EndpointChoices {
  const affinity = choice?.affinity && affinityFromApi(choice.affinity, onUnread);
  const zones = choice?.zones && {
    maxLoad: within(zoneLoad, choice.zones.maxLoad, 'zones', onUnread) ?? zoneLoad.default,
  };
  return { affinity, zones };
}

function affinityFromApi({ key, maxLoad }: SessionAffinity, onUnread: OnUnreadSetting): Affinity | undefined {
  if (key.case === 'session') return sessionFromApi(key.value, onUnread);
  const setting = settingFromApi(key);
  const problem = setting === undefined ? 'has no key that this proxy knows' : affinityProblem(setting);
  if (setting === undefined || problem !== undefined) {
    onUnread(`session affinity ${problem}`);
    return undefined;
  }
  return { key: keyOf(setting), maxLoad: within(affinityLoad, maxLoad, 'session affinity', onUnread) };
}

function sessionFromApi(
  { carrier, absoluteTimeout }: SessionAffinity_Session,
  onUnread: OnUnreadSetting,
): Affinity | undefined {
  const setting = carrierFromApi(carrier);
  const timeoutMs = absoluteTimeout && durationMs(absoluteTimeout);
  const problem =
    setting === undefined
      ? 'has nothing that this proxy knows to bring it back'
      : sessionProblem({ carrier: setting, timeoutMs });
  if (setting === undefined || problem !== undefined) {
    onUnread(`session persistence ${problem}`);
    return undefined;
  }
  const timeoutS = timeoutMs && Math.ceil(timeoutMs / 1000);
  const { kind, name } = setting;
  const known: SessionKey['carrier'] =
    kind === 'cookie' ? { kind, name, keptS: Math.ceil(setting.keptMs / 1000), path: setting.path } : { kind, name };
  return { key: { kind: 'session', carrier: known, timeoutS }, maxLoad: undefined };
}

function carrierFromApi(carrier: SessionAffinity_Session['carrier']): SessionCarrier | undefined {
  switch (carrier.case) {
    case 'header':
      return { kind: 'header', name: carrier.value.toLowerCase() };
    case 'cookie': {
      const { name, ttl, path } = carrier.value;
      return { kind: 'cookie', name, keptMs: ttl === undefined ? 0 : durationMs(ttl), path };
    }
    default:
      return undefined;
  }
}

function settingFromApi(key: SessionAffinity['key']): AffinitySetting | undefined {
  switch (key.case) {
    case 'header':
      return { kind: 'header', name: key.value.toLowerCase() };
    case 'cookie': {
      const { name, ttl, path } = key.value;
      return { kind: 'cookie', name, ttlMs: ttl && durationMs(ttl), path: path || undefined };
    }
    case 'queryParameter':
      return { kind: 'query', name: key.value };
    case 'sourceIp':
      return { kind: 'source' };
    default:
      return undefined;
  }
}

function keyOf(setting: AffinitySetting): AffinityKey {
  if (setting.kind !== 'cookie') return setting;
  const { kind, name, ttlMs, path } = setting;
  return { kind, name, made: ttlMs === undefined ? undefined : { ttlS: Math.ceil(ttlMs / 1000), path } };
}

/** Undefined where none is set, or where it is out of bounds. */
function within(
  { min, max }: { readonly min: number; readonly max: number },
  load: number,
  what: string,
  onUnread: OnUnreadSetting,
): number | undefined {
  if (load === 0) return undefined;
  if (load >= min && load <= max) return load;
  onUnread(`the load that ${what} may bring about must be from ${min} to ${max}, and is ${load}`);
  return undefined;
}
