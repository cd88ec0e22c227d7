// MQTT over WebSocket (MQTT 3.1.1, section 6): binary messages, subprotocol `mqtt`.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';

const MESSAGE_BYTES_MAX = 2 * 1024 * 1024; // of one WebSocket message; packets may span several

/** Not listening yet. What it serves besides WebSockets is a sentence. */
export function webSocketServer(onStream: (stream: Duplex) => void): Server {
  const server = createServer((_, response) => {
    response.writeHead(426, { 'Content-Type': 'text/plain', Upgrade: 'websocket' });
    response.end('This port speaks MQTT over WebSocket.\n');
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    upgrade(request, socket, head, onStream).catch(() => socket.destroy());
  });
  return server;
}

let loaded: Promise<{ server: WebSocketServer; streamOf: (socket: never) => Duplex }> | undefined;

/** Hands the stream of an accepted WebSocket to `onStream`; others get an HTTP error. */
export async function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  onStream: (stream: Duplex) => void,
): Promise<void> {
  loaded ??= load();
  const { server, streamOf } = await loaded;
  server.handleUpgrade(request, socket, head, (webSocket) =>
    onStream(streamOf(webSocket as never)),
  );
}

async function load() {
  const { WebSocketServer, createWebSocketStream } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (protocols) => (protocols.has('mqtt') ? 'mqtt' : false),
  });
  return { server, streamOf: createWebSocketStream };
}
