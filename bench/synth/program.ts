/** `node bench/synth/program.ts plain|meshed SIZE`: builds and synthesizes an app, and prints what that took, in ms. */
import { type AppSize, meshedApp, plainApp } from './app.ts';

const [, , kind, size] = process.argv;
const make = kind === 'meshed' ? meshedApp : plainApp;
const cpuBefore = process.cpuUsage();
const before = performance.now();
const text = make(JSON.parse(size) as AppSize).synthYaml();
const wallMs = performance.now() - before;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000, characters: text.length }));
