/** A longer value is none that is meant: the longest date has 37 characters. */
const maxLength = 64;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sun, 06 Nov 1994 08:49:37 GMT`. */
const fixDate = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
/** `Sunday, 06-Nov-94 08:49:37 GMT`. */
const rfc850Date = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
/** `Sun Nov  6 08:49:37 1994`, in GMT. */
const asctimeDate = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/**
 * What a `Retry-After` (RFC 9110 section 10.2.3) asks for, in ms: seconds, or a date in any of the three forms of HTTP,
 * of which one that is past asks for nothing. Undefined when it is neither. `wallMs` is the time since the epoch.
 */
export function retryAfterMs(value: string, wallMs: number): number | undefined {
  if (value.length > maxLength) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const dateMs = httpDateMs(text);
  return dateMs === undefined ? undefined : Math.max(0, dateMs - wallMs);
}

/**
 * What a `grpc-retry-pushback-ms` asks for, in ms (gRPC proposal A6). Undefined when it is none; a negative one asks
 * not to be tried again at all, which is no time.
 */
export function pushbackMs(value: string): number | undefined {
  const text = value.length > maxLength ? '' : value.trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function httpDateMs(text: string): number | undefined {
  const fix = fixDate.exec(text);
  if (fix !== null) return utcMs(Number(fix[3]), fix[2], fix[1], fix[4], fix[5], fix[6]);
  const rfc850 = rfc850Date.exec(text);
  if (rfc850 !== null) {
    const year = Number(rfc850[3]);
    return utcMs(year < 70 ? 2000 + year : 1900 + year, rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6]);
  }
  const asctime = asctimeDate.exec(text);
  if (asctime === null) return undefined;
  return utcMs(Number(asctime[6]), asctime[1], asctime[2], asctime[3], asctime[4], asctime[5]);
}

function utcMs(
  year: number,
  month: string,
  day: string,
  hour: string,
  minute: string,
  second: string,
): number | undefined {
  const monthIndex = months.indexOf(month);
  const isTime =
    Number(day) >= 1 && Number(day) <= 31 && Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  if (monthIndex < 0 || !isTime) return undefined;
  return Date.UTC(year, monthIndex, Number(day), Number(hour), Number(minute), Number(second));
}
