/** Whether a server takes what begins with `text` (latin-1) for a request of HTTP. Each is modelled on servers in use. */
export const lenientReaders: Readonly<Record<string, (text: string) => boolean>> = {
  /** Python's http.server and wsgiref: words between any white space, GET without a version. */
  python: (text) => {
    const words = splitWords(text.split('\n', 1)[0]);
    if (words.length < 2 || words.length > 3) return false;
    return words.length === 2 ? words[0] === 'GET' : /^HTTP\/\d+\.\d+$/.test(words[2]);
  },
  /** uWSGI: whatever stands between spaces, */
  uwsgi: (text) => /^[^ \r\n]+ [^ \r\n]+ HTTP\/\d\.\d\r\n/.test(text),
  /** with anything for a version, and Twisted too: applications look at paths of methods that they know. */
  twisted: (text) => /^[A-Za-z-]+ \/[^ \r\n]* [^\r\n]*\r\n/.test(text),
  /** Node by its insecure parser: empty lines before, many spaces, no version, RTSP, any digits of a version. */
  node: (text) => {
    const line = /^[\r\n]*([A-Z-]+) +([!-~\x80-\xff]+) *(\r?\n|.*?\r?\n)/.exec(text);
    if (line === null || !/^([/*]|[a-z]+:\/\/|[a-z0-9.-]+:\d+$)/i.test(line[2])) return false;
    return line[3].trim() === '' ? nodeMethods.test(line[1]) : /^(HTTP|RTSP)\/\d\.\d\r?\n$/.test(line[3]);
  },
  /** Nginx before 1.21: spaces within the target, GET without a version. */
  nginx: (text) => {
    const line = /^(?:\r?\n)*([A-Z_-]+) +(\/.*?) *\r?\n/.exec(text);
    return line !== null && (line[1] === 'GET' || / HTTP\/\d+\.\d+$/.test(line[2]));
  },
  /** One that ends a line at CR alone, and has no case. */
  old: (text) => /^\s*[a-z]+[ \t]+\S+[ \t]+http\/1\.\d[ \t]*[\r\n]/i.test(text),
};

const nodeMethods = /^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|TRACE|SEARCH|LOCK|NOTIFY|M-SEARCH)$/;

/** As `str.split()` of Python does with latin-1. */
const splitWords = (line: string): string[] => {
  const spaced = [...line].map((char) => (pythonSpace.has(char.charCodeAt(0)) ? ' ' : char));
  return spaced
    .join('')
    .split(' ')
    .filter((word) => word !== '');
};
const pythonSpace = new Set([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0]);
