// Files of which one call fails, as on a bad disk, or at which the process is killed.

import { type Files, realFiles } from '../../agent/control/atomic.js';

const PIECE = 700; // bytes that one write takes, so that there are several

/**
 * Real files, of which the call number `at` fails. `crash`: and none works after it, as when the
 * process is killed there.
 */
export function failing(at: number, crash: boolean, calls: string[] = []): Files {
  let dead = false;
  const wrap =
    <A extends unknown[], R>(name: string, real: (...args: A) => R) =>
    (...args: A): R => {
      calls.push(name);
      if (dead || calls.length === at) {
        dead = crash;
        throw Object.assign(new Error(`${name} failed`), { code: 'EIO' });
      }
      return real(...args);
    };
  return {
    open: wrap('open', realFiles.open),
    write: wrap('write', (file, bytes: Uint8Array) =>
      realFiles.write(file, bytes.subarray(0, PIECE)),
    ),
    fsync: wrap('fsync', realFiles.fsync),
    close: wrap('close', realFiles.close),
    rename: wrap('rename', realFiles.rename),
    remove: wrap('remove', realFiles.remove),
    list: wrap('list', realFiles.list),
  };
}
