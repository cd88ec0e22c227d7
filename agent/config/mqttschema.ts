// Settings of MQTT: which broker this node speaks to, what may be done from there, and the small
// broker of its own that serves where none is named.

import * as v from 'valibot';
import { file, flag, text, whole } from './kinds.js';

const BAD_URL = 'must be mqtt://, mqtts://, ws:// or wss://, then host, :port and /path';
const BAD_TOPIC = 'must be topic levels of letters, digits and _ . - with / between them';

/** No user name or password in it: a URL is shown, and secrets lie in files. */
const url = v.pipe(
  text(512, BAD_URL),
  v.check((value) => {
    const [, scheme, host] =
      /^(mqtts?|wss?):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(\/[!-~]*)?$/.exec(
        value,
      ) ?? [];
    return scheme !== undefined && host !== undefined;
  }, BAD_URL),
  v.check((value) => Number(/:(\d+)(\/|$)/.exec(value)?.[1] ?? 1) <= 65535, 'has no such port'),
);

const topic = v.pipe(
  text(128, BAD_TOPIC),
  v.regex(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/, BAD_TOPIC),
);

function secretFile(description: string) {
  return v.pipe(
    v.optional(v.nullable(file), null),
    v.description(`${description}, in the state folder unless absolute; null: none`),
    v.metadata({ apply: 'live', privileged: true }), // else any file could be sent to any broker
  );
}

export const MqttSchema = v.strictObject({
  enabled: v.pipe(
    v.optional(flag(), true),
    v.description('drive this node by MQTT'),
    v.metadata({ apply: 'live' }),
  ),
  url: v.pipe(
    v.optional(v.nullable(url), null),
    v.description('the broker, such as mqtts://broker.example:8883; null: one of its own'),
    v.metadata({ apply: 'live' }),
  ),
  username: v.pipe(
    v.optional(v.nullable(text(256)), null),
    v.description('user name at the broker; null: none'),
    v.metadata({ apply: 'live' }),
  ),
  passwordFile: secretFile('file with the password at the broker'),
  caFile: secretFile('file with the certificate authorities that the broker is checked against'),
  certificateFile: secretFile('file with a client certificate'),
  keyFile: secretFile('file with the private key of the client certificate'),
  baseTopic: v.pipe(
    v.optional(topic, 'kith'),
    v.description('what all topics of the mesh begin with'),
    v.metadata({ apply: 'live', privileged: true }), // orders would come from elsewhere
  ),
  discoveryPrefix: v.pipe(
    v.optional(v.nullable(topic), 'homeassistant'),
    v.description('where Home Assistant looks for devices; null: it is told nothing'),
    v.metadata({ apply: 'live' }),
  ),
  allow: v.pipe(
    v.optional(v.picklist(['look', 'change'], 'must be "look" or "change"'), 'change'),
    v.description('what may be done by MQTT: only look, or change settings too'),
    v.metadata({ apply: 'live', privileged: true }),
  ),
  privileged: v.pipe(
    v.optional(v.picklist(['signed', 'open'], 'must be "signed" or "open"'), 'signed'),
    v.description("what could let a stranger in: only with an admin's signature, or open to all"),
    v.metadata({ apply: 'live', privileged: true }),
  ),
  intervalSeconds: v.pipe(
    v.optional(whole(1, 3600), 30),
    v.description('the status is published at least this often; what matters, at once'),
    v.metadata({ apply: 'live' }),
  ),
  confirmSeconds: v.pipe(
    v.optional(whole(5, 3600), 60),
    v.description('a change that cuts the broker off is taken back after so many seconds'),
    v.metadata({ apply: 'live' }),
  ),
});

/** All of it is privileged: where it ends, so does all that comes over it. */
export const BrokerSchema = v.strictObject({
  enabled: v.pipe(
    v.optional(v.picklist(['auto', 'on', 'off'], 'must be "auto", "on" or "off"'), 'auto'),
    v.description('a small broker in this agent; auto: where mqtt.url names none'),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
  reach: v.pipe(
    v.optional(v.picklist(['loopback', 'lan'], 'must be "loopback" or "lan"'), 'loopback'),
    v.description('who may connect: this machine alone, or its local networks too'),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
  port: v.pipe(
    v.optional(whole(0, 65535), 1883),
    v.description('TCP port, the next free one where it is taken; 0: any'),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
  webSocketPort: v.pipe(
    v.optional(v.nullable(whole(0, 65535)), null),
    v.description('port for MQTT over WebSocket; null: none'),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
});
