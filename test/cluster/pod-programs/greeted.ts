/** Connects to `HOST PORT`, says nothing before it has been greeted, prints all that it heard and in how many ms. */
import { connect } from 'node:net';

const [host, port] = process.argv.slice(2);
const startMs = performance.now();
let greetedMs = 0;
let heard = '';
const socket = connect({ host, port: Number(port) });
socket.setTimeout(20_000, () => socket.destroy(new Error(`nothing heard for 20 s, after '${heard}'`)));
socket.setEncoding('utf8').on('data', (text: string) => {
  if (heard === '') {
    greetedMs = performance.now() - startMs;
    socket.write('client\r\n');
  }
  heard += text;
});
socket.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
socket.on('end', () => console.log(JSON.stringify({ heard, greetedMs: Math.round(greetedMs) })));
