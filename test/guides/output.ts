/**
 * What is different between what a guide shows and what was printed; undefined when nothing is that matters. Lines are
 * compared in their order, word by word; a line `…` stands for any lines, a word `…` for any word, and a `…` in a word for
 * any part of it. Words that are measured are compared as far as they can be expected:
 *
 *     4.5rps     from half to twice as many, or 0.7 off; `speed` is how much faster the mesh goes than that of the guide
 *     91.67%     within 8 points
 *     3ms        any duration
 *     48         any number; 0 only for 0
 */
export function difference(shown: string, printed: string, speed: number): string | undefined {
  const expected = shown
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
  const actual = printed
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
  let at = 0;
  let skips = false;
  for (const line of expected) {
    if (line === '…') {
      skips = true;
      continue;
    }
    const from = at;
    while (at < actual.length && !isLine(line, actual[at], speed)) {
      if (!skips) return `instead of\n    ${line}\nit printed\n    ${actual[at]}`;
      at++;
    }
    if (at === actual.length) return `it did not print\n    ${line}\nin\n    ${actual.slice(from).join('\n    ')}`;
    at++;
    skips = false;
  }
  return skips || at === actual.length ? undefined : `it also printed\n    ${actual.slice(at).join('\n    ')}`;
}

function isLine(expected: string, actual: string, speed: number): boolean {
  const words = expected.split(/\s+/);
  const printed = actual.split(/\s+/);
  return words.length === printed.length && words.every((word, index) => isWord(word, printed[index], speed));
}

/** Whether a word has these parts in their order, the first and the last at its ends. */
function isAround(parts: readonly string[], word: string): boolean {
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = index === parts.length - 1 ? word.length - part.length : word.indexOf(part, at);
    if (found < at || (index === 0 && found !== 0) || !word.startsWith(part, found)) return false;
    at = found + part.length;
  }
  return true;
}

function isWord(expected: string, actual: string, speed: number): boolean {
  if (expected === '…') return true;
  if (expected.includes('…')) return isAround(expected.split('…'), actual);
  const [, number, unit] = /^(\d+(?:\.\d+)?)(rps|%|ms|s|)$/.exec(expected) ?? [];
  const [, actualNumber, actualUnit] = /^(\d+(?:\.\d+)?)(rps|%|ms|s|)$/.exec(actual) ?? [];
  if (number === undefined || actualNumber === undefined) return expected === actual;
  const wanted = Number(number);
  const found = Number(actualNumber);
  const isDuration = (text: string): boolean => text === 'ms' || text === 's';
  if (isDuration(unit)) return isDuration(actualUnit);
  if (unit !== actualUnit) return false;
  switch (unit) {
    case 'rps': {
      const rate = found / speed;
      return (rate >= wanted / 2 && rate <= wanted * 2) || Math.abs(rate - wanted) <= 0.7;
    }
    case '%':
      return Math.abs(found - wanted) <= 8;
    default:
      return (wanted === 0) === (found === 0);
  }
}
