// Can a tunnel run on this machine? If not, one sentence: what is wrong, and what to do about it.

import { type Machine, thisMachine } from './machine.js';

// UDP_SEGMENT came with 4.18, and Node 20 itself is built for no older kernel. Newer offloads
// (UDP_GRO 5.0, UDP over TUN 6.2) are probed for and done without.
export const KERNEL_MIN: readonly [number, number] = [4, 18];

export type Wanted = Readonly<{ interfaceName: string; port: number }>;

export async function preflight(
  { interfaceName, port }: Wanted,
  machine: Machine = thisMachine,
): Promise<string | undefined> {
  if (machine.platform !== 'linux') return `kith runs on Linux, and this is ${machine.platform}`;
  const [major, minor] = kernelVersion(machine.kernel);
  const [majorMin, minorMin] = KERNEL_MIN;
  if (major < majorMin || (major === majorMin && minor < minorMin))
    return (
      `Linux ${machine.kernel} is too old: its UDP lacks segmentation (UDP_SEGMENT), which came ` +
      `with ${majorMin}.${minorMin}. Update the system's kernel`
    );
  if (!machine.mayConfigure())
    return (
      'this user may not make network interfaces: run it as root (sudo); in a container give it ' +
      '--cap-add NET_ADMIN'
    );
  const tun = machine.openTun();
  if (tun !== undefined) return tunSentence(tun);
  if (!machine.hasCommand('ip'))
    return (
      'the command `ip` is missing: install it with `apt-get install iproute2` (on OpenWrt the ' +
      'package is ip-full)'
    );
  if (machine.hasInterface(interfaceName))
    return (
      `there is an interface ${interfaceName} already: end what made it, or take another name: ` +
      'kith config set interface.name NAME'
    );
  if (port !== 0) return portSentence(port, await machine.bind(port));
  return undefined;
}

function tunSentence(code: string): string {
  if (code === 'ENOENT')
    return (
      'there is no /dev/net/tun: load it with `modprobe tun`; in a container give it ' +
      '--device /dev/net/tun'
    );
  if (code === 'ENODEV' || code === 'ENXIO')
    return 'this kernel has no TUN driver: load it with `modprobe tun`, or install one that has it';
  return `cannot open /dev/net/tun (${code}): run it as root; in a container allow the device`;
}

function portSentence(port: number, code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  if (code === 'EADDRINUSE')
    return (
      `UDP port ${port} is taken (\`ss -ulpn 'sport = :${port}'\` may say by whom): end that, or ` +
      'take another port: kith config set listen.port PORT'
    );
  return `cannot open UDP port ${port} (${code}): take another: kith config set listen.port PORT`;
}

function kernelVersion(release: string): [number, number] {
  const parts = /^(\d+)\.(\d+)/.exec(release);
  return [Number(parts?.[1] ?? 0), Number(parts?.[2] ?? 0)];
}
