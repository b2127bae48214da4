/** Serves a protocol where the server speaks first, as mail servers do: greets, and answers one line. */
import { createServer } from 'node:net';

const server = createServer((socket) => {
  socket.on('error', (error) => console.error(error.message));
  socket.setEncoding('utf8').write('220 greeter\r\n');
  socket.once('data', (line: string) => socket.end(`250 hello ${line.trim()}\r\n`));
});
server.listen(2525);
process.once('SIGTERM', () => process.exit(0));
