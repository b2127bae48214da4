/**
 * Builds the published constructs: `node build/lib.ts [outdir]` compiles lib/ to CommonJS and declarations in dist/lib.
 * CommonJS, because the projects that `cdk8s init` makes are: ts-node and jest there cannot load anything else.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { reachable } from './reachable.ts';

const root = resolve(import.meta.dirname, '..');
const outdir = resolve(process.argv[2] ?? join(root, 'dist/lib'));
const optionalPeer = 'cdk8s-plus-27';

rmSync(outdir, { recursive: true, force: true });
compile();
for (const file of filesUnder(outdir)) {
  rewriteSpecifiers(file);
  makeOptionalPeerUntyped(file);
}
makeOptionalPeerLazy(join(outdir, 'index.js'));
dropUnreached();
writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');

function compile(): void {
  mkdirSync(outdir, { recursive: true });
  const project = join(outdir, 'tsconfig.json');
  const options = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      rootDir: join(root, 'lib'),
      outDir: outdir,
      noEmit: false,
      declaration: true,
      stripInternal: true,
      target: 'es2022', // the oldest Node that synths need not be the one that the mesh runs on
      module: 'commonjs',
      moduleResolution: 'bundler',
      verbatimModuleSyntax: false,
      rewriteRelativeImportExtensions: true,
      typeRoots: [join(root, 'node_modules/@types')],
      types: ['node'],
    },
    files: [join(root, 'lib/index.ts')],
    exclude: [],
  };
  writeFileSync(project, JSON.stringify(options));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['--project', project], { cwd: root, stdio: 'inherit' });
  rmSync(project);
  if (status !== 0) throw new Error('lib/ does not compile: see above');
}

/** Declarations keep the `.ts` of the sources, which nobody can resolve who has only the declarations. */
function rewriteSpecifiers(file: string): void {
  if (!file.endsWith('.d.ts')) return;
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/((?:from|import\()\s*['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2'));
}

/**
 * cdk8s-plus-27 is loaded when a class over it is first asked for: everything else works without it. The getter of the
 * export itself keeps its form, which is how Node finds the names that an ES module can import: older versions drop a
 * name whose getter has any other. Node asks for each of them then, so what is missing is told when it is used.
 */
function makeOptionalPeerLazy(index: string): void {
  const text = readFileSync(index, 'utf8');
  const lazy = text.replace(/^(?:var|const) (\w+) = (require\("(\.\/[^"]+)"\));\n/gm, (line, name, load, file) => {
    if (!readFileSync(join(outdir, file), 'utf8').includes(`require("${optionalPeer}")`)) return line;
    const classes = [...text.matchAll(new RegExp(`return ${name}\\.(\\w+);`, 'g'))].map(([, exported]) => exported);
    return `var ${name} = {${classes.map((exported) => lazyClass(exported, load)).join(',')}};\n`;
  });
  if (lazy === text) throw new Error(`${index} requires nothing over ${optionalPeer}: has it moved?`);
  writeFileSync(index, lazy);
}

function lazyClass(name: string, load: string): string {
  return ` get ${name}() {
    try {
        return ${load}.${name};
    } catch (error) {
        if (error.code !== "MODULE_NOT_FOUND" || !/'${optionalPeer}'/.test(error.message)) throw error;
        return class ${name} {
            constructor() {
                throw new Error("${name} needs the package ${optionalPeer}: npm install ${optionalPeer}, or use meshed(${name.slice(6)}) of the cdk8s-plus that you have", { cause: error });
            }
        };
    }
} `;
}

/** Without cdk8s-plus-27 its types are missing too, and projects that check declarations would fail over them. */
function makeOptionalPeerUntyped(file: string): void {
  if (!file.endsWith('.d.ts')) return;
  const text = readFileSync(file, 'utf8');
  const imports = new RegExp(`^import .* from '${optionalPeer}';$`, 'm');
  writeFileSync(file, text.replace(imports, `// @ts-ignore - ${optionalPeer} is optional\n$&`));
}

/** Most declarations are of what is inside, which nobody can import. */
function dropUnreached(): void {
  const entries = ['index.js', 'index.d.ts'].map((name) => join(outdir, name));
  const reached = new Set(entries.flatMap((entry) => [...reachable(entry)]));
  for (const file of filesUnder(outdir)) if (!reached.has(file)) rmSync(file);
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
