// needs: root
// reboot(2) with an argument, where it ends a PID namespace and nothing else.

import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const reboots = suite('update/reboot');

for (const argument of ['0 tryboot', ''])
  reboots(`the kernel takes it: "${argument}"`, () => {
    const file = resolve('agent/update/rebootcall.ts');
    // Only as the first process of a namespace of its own, or it would be the machine that ends.
    const script = `
      if (process.pid !== 1) process.exit(3);
      const { rebootNow } = await import(${JSON.stringify(file)});
      await rebootNow(${JSON.stringify(argument)}).catch((error) => console.log(error.message));
      process.exit(4);`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script];
    const flags = ['--pid', '--fork', '--kill-child', '--mount-proc', '--'];
    const { signal, status, stdout } = spawnSync('unshare', [...flags, ...node], {
      encoding: 'utf8',
    });
    // The kernel ends the first process by SIGHUP where it was told to restart (reboot_pid_ns).
    assert.equal([signal ?? status, stdout], ['SIGHUP', '']);
  });

reboots.run();
