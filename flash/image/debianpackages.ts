// What the image is made of besides the agent: packages of Debian, unpacked and not installed, so
// that no program of the Raspberry Pi has to run where the image is made.

/** One release for every image, whatever the machine that makes it runs. */
export const RELEASE = 'bookworm';
export const COMPONENTS = ['main', 'non-free-firmware'];
export const ARCHITECTURE = 'arm64';

/** The kernel that the package of this name stands for today; an apt-patterns(7). */
export const KERNEL = ['?reverse-depends(?exact-name(linux-image-arm64))'];

/** The first programs of the Raspberry Pi, and what its Wi-Fi chips run. */
export const FIRMWARE = ['raspi-firmware', 'firmware-brcm80211', 'wireless-regdb'];

/** Programs, each with the libraries that it names. */
export const PROGRAMS = [
  'busybox-static', // init, DHCP client, clock
  'dash', // busybox's shell would take its own programs before those below
  ...['libc6', 'libstdc++6', 'libgcc-s1', 'zlib1g'],
  ...['iproute2', 'libbpf1', 'libelf1', 'libmnl0', 'libcap2', 'libbsd0', 'libmd0'],
  ...['libselinux1', 'libpcre2-8-0', 'libtirpc3', 'libgssapi-krb5-2', 'libkrb5-3', 'libk5crypto3'],
  ...['libkrb5support0', 'libcom-err2', 'libkeyutils1'],
  ...['nftables', 'libnftables1', 'libnftnl11', 'libjansson4', 'libgmp10', 'libxtables12'],
  ...['libedit2', 'libtinfo6'],
  ...['e2fsprogs', 'libext2fs2', 'libblkid1', 'libuuid1', 'libss2'],
  ...['dnsmasq-base', 'libdbus-1-3', 'libidn2-0', 'libunistring2', 'libnettle8', 'libhogweed6'],
  ...[
    'libnetfilter-conntrack3',
    'libnfnetlink0',
    'libsystemd0',
    'liblzma5',
    'libzstd1',
    'liblz4-1',
  ],
  ...['libgcrypt20', 'libgpg-error0', 'libcap-ng0'],
  ...['hostapd', 'wpasupplicant', 'iw', 'libnl-3-200', 'libnl-genl-3-200', 'libnl-route-3-200'],
  ...['libssl3', 'libreadline8', 'libpcsclite1'],
  ...['dropbear-bin', 'libtomcrypt1', 'libtommath1', 'libcrypt1'],
];

/** Modules that the first root loads by itself: disks, and what lies on them. */
export const EARLY_MODULES = [
  ...['virtio_blk', 'virtio_pci', 'virtio_mmio', 'sdhci_iproc', 'bcm2835', 'usb_storage', 'uas'],
  ...['xhci_pci', 'dwc2', 'reset_raspberrypi'],
  ...['squashfs', 'overlay', 'ext4', 'crc32c_generic', 'vfat', 'nls_cp437', 'nls_ascii'],
];

/** Of the kernel's modules, those that a router on this board has a use for. */
export const MODULE_FOLDERS = [
  ...['arch', 'block', 'crypto', 'lib', 'mm', 'net'],
  ...['fs/ext4', 'fs/jbd2', 'fs/fat', 'fs/nls', 'fs/overlayfs', 'fs/squashfs', 'fs/mbcache.ko'],
  ...['drivers/block', 'drivers/char', 'drivers/clk', 'drivers/gpio', 'drivers/hwmon'],
  ...['drivers/i2c/busses/i2c-bcm2835.ko', 'drivers/leds', 'drivers/mmc', 'drivers/nvmem'],
  ...['drivers/net/mdio', 'drivers/net/phy', 'drivers/net/usb', 'drivers/net/wireguard'],
  ...['drivers/net/wireless/broadcom', 'drivers/net/wireless/ath', 'drivers/net/wireless/realtek'],
  ...['drivers/net/wireless/mediatek', 'drivers/net/wireless/ralink', 'drivers/net/vxlan'],
  ...['drivers/net/tun.ko', 'drivers/net/veth.ko', 'drivers/net/dummy.ko', 'drivers/net/mii.ko'],
  ...['drivers/net/virtio_net.ko', 'drivers/net/net_failover.ko', 'drivers/net/macvlan.ko'],
  ...['drivers/pwm', 'drivers/reset', 'drivers/soc', 'drivers/spi', 'drivers/thermal'],
  ...['drivers/usb', 'drivers/virtio', 'drivers/watchdog', 'drivers/bcma', 'drivers/ssb'],
  ...['drivers/staging/vc04_services', 'drivers/rtc', 'drivers/regulator', 'drivers/mfd'],
  ...['drivers/scsi/scsi_mod.ko', 'drivers/scsi/sd_mod.ko', 'drivers/scsi/scsi_common.ko'],
];
