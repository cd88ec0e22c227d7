// What `kith flash inject` put onto the card for the machine, not for the agent: Wi-Fi and keys for
// SSH. Called before the network comes up:  node left.mjs kith-setup.json /data

import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs';

const [, , file, data] = process.argv;
let setup = {};
try {
  setup = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  process.exit(0); // the agent says what is wrong with it
}

// The shell reads it: what stands between these quotes is text.
const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

const { wifi, sshKeys } = setup;
if (typeof wifi?.ssid === 'string') {
  const lines = [
    `UPLINK_SSID=${quoted(wifi.ssid)}`,
    `UPLINK_PASSWORD=${quoted(wifi.password ?? '')}`,
  ];
  if (/^[A-Z]{2}$/.test(wifi.country ?? '')) lines.push(`COUNTRY=${wifi.country}`);
  appendFileSync(`${data}/network`, `${lines.join('\n')}\n`, { mode: 0o600 });
}
if (Array.isArray(sshKeys) && sshKeys.length > 0) {
  writeFileSync(`${data}/ssh/authorized_keys`, `${sshKeys.join('\n')}\n`);
  chmodSync(`${data}/ssh/authorized_keys`, 0o600);
}
