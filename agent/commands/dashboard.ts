// `kith dashboard`.

import type { Handler } from './command.js';
import type { DashboardAccess } from './context.js';
import { Failure } from './failure.js';

export const dashboard: Handler<unknown, DashboardAccess> = {
  run(context) {
    const access = context.dashboard?.();
    if (access) return access;
    throw new Failure(
      'the dashboard is off: kith config set dashboard.enabled true, then start the agent again',
    );
  },
  show: ({ urls, password }) => [...urls, `password: ${password}`].join('\n'),
};
