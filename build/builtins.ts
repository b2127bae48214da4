/**
 * Rewrites a bundle's static imports of Node's own modules into `process.getBuiltinModule()`. An import reads every
 * export of such a module, and with it loads what is behind the lazy ones (streams behind `fs`, workers behind `util`): a
 * third of the time in which a short command starts. `import * as` stays as it is.
 */
export function builtinsAsObjects(code: string): string {
  const objects: string[] = [];
  const rest = code.replace(builtinImport, (_, name: string | undefined, names: string | undefined, module: string) => {
    const object = lazily.get(module) ?? `globalThis.process.getBuiltinModule("${module}")`;
    if (name !== undefined) objects.push(`var ${name}=${object};`);
    if (names !== undefined)
      objects.push(`var{${names.replaceAll(' as ', ':')}}=globalThis.process.getBuiltinModule("${module}");`);
    return '';
  });
  // In front of all else, as imports are; behind the line that names the interpreter.
  const start = /^#!.*\n/.exec(rest)?.[0] ?? '';
  return `${start}${objects.join('')}${rest.slice(start.length)}`;
}

/** As Bun writes it with --minify-whitespace: a default import, names, or both. */
const builtinImport = /\bimport(?: ([\w$]+))?,?(?:\{([^{}]*)\})? ?from"(node:[\w/]+)";/g;

/** Commander loads it for commands that are programs of their own, which there are none of. */
const lazily = new Map([
  ['node:child_process', '{get spawn(){return globalThis.process.getBuiltinModule("node:child_process").spawn}}'],
]);
