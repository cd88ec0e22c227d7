// A router with UPnP on loopback, as good or as bad as a test wants it.

import { createSocket, type Socket } from 'node:dgram';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Call = Readonly<{ action: string; path: string; body: string }>;
export type Manners = Readonly<{
  location?: (own: string) => string;
  search?: (location: string) => (string | Buffer)[]; // all that it answers to a search
  describe?: (request: IncomingMessage, response: ServerResponse) => void;
  control?: (call: Call, response: ServerResponse) => void;
}>;

const IP = 'urn:schemas-upnp-org:service:WANIPConnection:1';
const PPP = 'urn:schemas-upnp-org:service:WANPPPConnection:1';

export function description({ before = '', control = '/control', type = IP } = {}): string {
  const service = (is: string, url: string) =>
    `<service><serviceType>${is}</serviceType><controlURL>${url}</controlURL></service>`;
  return `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">${before}
    <device><serviceList>${service('urn:schemas-upnp-org:service:Layer3Forwarding:1', '/no')}
    </serviceList><deviceList><device><serviceList>${service(type, control)}
    ${service(PPP, '/ppp')}</serviceList></device></deviceList></device></root>`;
}

export function envelope(content: string): string {
  return `<?xml version="1.0"?>
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${content}</s:Body>
    </s:Envelope>`;
}

export function reply(action: string, content = ''): string {
  return envelope(`<u:${action}Response xmlns:u="${IP}">${content}</u:${action}Response>`);
}

export function fault(response: ServerResponse, code: number): void {
  response.statusCode = 500;
  response.end(
    envelope(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>
      <UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode></UPnPError>
      </detail></s:Fault>`),
  );
}

/** A well-behaved answer to each call. */
export function obey({ action }: Call, response: ServerResponse): void {
  const outside = '<NewExternalIPAddress>198.51.100.7</NewExternalIPAddress>';
  response.end(reply(action, action === 'GetExternalIPAddress' ? outside : ''));
}

export class IgdRouter {
  readonly calls: Call[] = [];
  private constructor(
    readonly socket: Socket,
    private readonly server: Server,
  ) {}

  static async start(manners: Manners = {}, address = '127.0.0.1'): Promise<IgdRouter> {
    const server = createServer();
    const socket = createSocket('udp4');
    const router = new IgdRouter(socket, server);
    server.on('request', (request, response) => router.serve(manners, request, response));
    server.on('clientError', (_, connection) => connection.destroy());
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    socket.on('message', (_, from) => {
      const own = `${router.url}/description.xml`;
      const location = manners.location?.(own) ?? own;
      for (const answer of manners.search?.(location) ?? [found(location)])
        socket.send(answer, from.port, from.address);
    });
    return router;
  }

  get url(): string {
    const { address, port } = this.server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  get ssdpPort(): number {
    return this.socket.address().port;
  }

  stop(): void {
    this.socket.close();
    this.server.closeAllConnections();
    this.server.close();
  }

  private serve(manners: Manners, request: IncomingMessage, response: ServerResponse): void {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (text: string) => (body += text));
    request.on('end', () => {
      const [, action = request.url ?? ''] = /#(\w+)"$/.exec(`${request.headers.soapaction}`) ?? [];
      const call = { action, path: request.url ?? '', body };
      this.calls.push(call);
      if (request.method === 'POST') (manners.control ?? obey)(call, response);
      else if (manners.describe) manners.describe(request, response);
      else response.end(description());
    });
  }
}

export function found(location: string, type = 'InternetGatewayDevice:1'): string {
  return `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: urn:schemas-upnp-org:device:${type}
LOCATION: ${location}\r\nSERVER: x\r\n\r\n`;
}
