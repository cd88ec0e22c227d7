// A certificate authority, a server's and a client's certificate, made by openssl in a folder.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files: ca.pem, server.pem, server.key, client.pem, client.key. */
export function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const fresh = (name: string) => [
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', `${name}.key`, '-subj', `/CN=${name}`],
  ];
  openssl('req', '-x509', ...fresh('ca'), '-days', '2', '-out', 'ca.pem');
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  for (const name of ['server', 'client']) {
    openssl('req', ...fresh(name), '-out', `${name}.csr`);
    const names = name === 'server' ? ['-extfile', 'names'] : [];
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, ...names, '-out', `${name}.pem`);
  }
}
