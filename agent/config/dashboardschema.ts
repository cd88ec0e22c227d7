// Settings of the dashboard, the page that the agent serves.

import * as v from 'valibot';
import { parseAddress } from '../bytes/address.js';
import { flag, text, whole } from './kinds.js';

export const DASHBOARD_PORT = 8377;

const BAD_LISTEN = 'must be "lan", "loopback" or an address of this machine';

/** All of it is privileged: it is a door, and the owner's. */
export const DashboardSchema = v.strictObject({
  enabled: v.pipe(
    v.optional(flag(), true),
    v.description('serve the dashboard, a page in the browser'),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
  listen: v.pipe(
    v.optional(
      v.pipe(
        text(64, BAD_LISTEN),
        v.check(
          (value) => value === 'lan' || value === 'loopback' || parseAddress(value) !== undefined,
          BAD_LISTEN,
        ),
      ),
      'lan',
    ),
    v.description('where: loopback: this machine alone; lan: its local networks too; an address'),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
  port: v.pipe(
    v.optional(whole(0, 65535), DASHBOARD_PORT),
    v.description('TCP port, the next free one where it is taken; 0: any'),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
  metrics: v.pipe(
    v.optional(flag(), false),
    v.description('figures for Prometheus at /metrics, without a login'),
    v.metadata({ apply: 'live', privileged: true }),
  ),
});
