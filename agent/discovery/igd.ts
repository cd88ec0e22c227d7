// What is said to an Internet Gateway Device of UPnP: which of its services maps ports, and the
// calls to it (UPnP Device Architecture 1.1, sections 2 and 3; WANIPConnection:1, section 2.4).

import { type Element, elementsOf, parseXml, textOf } from './xml.js';

/** `control`: as the router wrote it, perhaps relative to `base`. */
export type WanConnection = Readonly<{ type: string; control: string; base: string | undefined }>;

/** Values of a call, by argument name; or its refusal by the router's error code. */
export type Reply = Readonly<
  { kind: 'done'; value: (name: string) => string | undefined } | { kind: 'refused'; code: number }
>;

export const CONFLICT = 718; // another machine has this external port
export const SAME_PORTS_ONLY = 724; // external and internal port must be the same
export const PERMANENT_ONLY = 725; // no leases, mappings stay until they are deleted

const SERVICES_MAX = 4; // two per line to the provider are usual: IP and PPP
const CONTROL_MAX = 256; // characters; real ones have a dozen

/** The services which map ports. Empty: not a gateway, or nothing that can be read. */
export function readDescription(xml: string): WanConnection[] {
  const root = parseXml(xml);
  if (!root) return [];
  const base = textOf(root, 'URLBase') || undefined;
  return elementsOf(root, 'service')
    .flatMap((service) => readService(service, base) ?? [])
    .slice(0, SERVICES_MAX);
}

function readService(service: Element, base: string | undefined): WanConnection | undefined {
  const type = textOf(service, 'serviceType') ?? '';
  const control = textOf(service, 'controlURL') ?? '';
  if (!/^urn:schemas-upnp-org:service:WAN(IPConnection:[12]|PPPConnection:1)$/.test(type))
    return undefined;
  return control === '' || control.length > CONTROL_MAX ? undefined : { type, control, base };
}

/** Headers and body of one call. The values are our own: numbers, addresses, plain words. */
export function writeCall(
  type: string,
  action: string,
  values: Readonly<Record<string, string | number>>,
): { headers: Record<string, string>; body: string } {
  const list = Object.entries(values).map(([name, value]) => `<${name}>${value}</${name}>`);
  const envelope = 'http://schemas.xmlsoap.org/soap/envelope/';
  const body =
    `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="${envelope}" ` +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
    `<s:Body><u:${action} xmlns:u="${type}">${list.join('')}</u:${action}></s:Body></s:Envelope>`;
  const headers = {
    'content-type': 'text/xml; charset="utf-8"',
    'content-length': String(Buffer.byteLength(body)),
    soapaction: `"${type}#${action}"`,
  };
  return { headers, body };
}

/** Undefined: neither an answer to this action nor a refusal. */
export function readReply(xml: string, action: string): Reply | undefined {
  const root = parseXml(xml);
  const body = root?.name === 'Envelope' ? elementsOf(root, 'Body')[0] : undefined;
  if (!body) return undefined;
  const [answer] = elementsOf(body, `${action}Response`);
  if (answer) return { kind: 'done', value: (name) => textOf(answer, name) };
  const code = textOf(body, 'errorCode') ?? '';
  return /^\d{1,4}$/.test(code) ? { kind: 'refused', code: Number(code) } : undefined;
}
