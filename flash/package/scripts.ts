// What packages do when they come and go: lines of POSIX sh for busybox and dash. They leave a
// system as it was before, but for what its owner changed.

import type { Scripts } from './contents.js';
import { IMAGE, RUNTIME } from './runtime.js';
import type { Cpu } from './targets.js';

/** Mounts the runtime; OpenWrt only. bin/kith calls it by itself, so there is nothing to start. */
export const MOUNT = `#!/bin/sh
# Mounts the Node that came with kith-runtime; nothing to do where it is mounted.
folder=/${RUNTIME} image=/${IMAGE}
[ -x "$folder/bin/node" ] && exit 0
[ -r "$image" ] || { echo "kith: $image is not there: install kith-runtime" >&2; exit 1; }
[ -e /dev/loop-control ] || [ -e /dev/loop0 ] || modprobe loop 2>/dev/null
mount -t squashfs -o ro,loop "$image" "$folder" 2>/dev/null && exit 0
device=$(losetup -f 2>/dev/null) && losetup -r "$device" "$image" 2>/dev/null &&
  mount -t squashfs -o ro "$device" "$folder" && exit 0
echo "kith: cannot mount $image: is kmod-loop installed?" >&2
exit 1
`;

/** The command: whichever release is the current one. */
export const COMMAND = `#!/bin/sh
exec /opt/kith/current/bin/kith "$@"
`;

const UNMOUNT = `while umount -l /${RUNTIME} 2>/dev/null; do :; done\n`;

// A file of the wrong kind of processor would be taken: to the package managers it fits all.
function refuse(cpu: Cpu): string {
  return `if [ -z "$IPKG_INSTROOT" ] && [ "$(uname -m)" != ${cpu} ]; then
  echo "this package is for ${cpu}, and this machine is $(uname -m)" >&2
  exit 1
fi
`;
}

export function openwrtAgent(cpu: Cpu, version: string): Scripts {
  return {
    preinst: refuse(cpu),
    // Of the release before, opkg leaves the folders behind.
    postinst: `/opt/kith/releases/${version}/launch --install ${version} || exit 1
for release in /opt/kith/releases/*; do
  [ -e "$release/bin/kith" ] || rm -rf "$release"
done
`,
    prerm: `[ "$PKG_UPGRADE" = 1 ] || [ ! -x /lib/kith/remove.sh ] || /lib/kith/remove.sh\n`,
    // opkg has gone over its files by now and leaves folders behind; apk comes to an upgrade
    // without it.
    postrm: `[ "$PKG_UPGRADE" = 1 ] || rm -rf /opt/kith /lib/kith
[ "$PKG_UPGRADE" = 1 ] || rmdir /opt 2>/dev/null || true
`,
  };
}

export function openwrtRuntime(cpu: Cpu): Scripts {
  return {
    preinst: refuse(cpu),
    // An agent that runs keeps the older one mapped until it is started anew.
    postinst: `${UNMOUNT}/usr/lib/kith/mount || exit 1
[ "$PKG_UPGRADE" != 1 ] || [ ! -x /etc/init.d/kith ] || /etc/init.d/kith restart\n`,
    prerm: `[ "$PKG_UPGRADE" = 1 ] || {\n  ${UNMOUNT}}\n`,
    postrm: '[ "$PKG_UPGRADE" = 1 ] || rm -rf /usr/lib/kith\n',
  };
}

const SYSTEMD = 'if [ -d /run/systemd/system ]; then';

export function debianAgent(version: string): Scripts {
  return {
    preinst: 'mkdir -p /opt\n', // not in the package: see withoutOpt
    postinst: `if [ "$1" = configure ]; then
  /opt/kith/releases/${version}/launch --install ${version}
  ${SYSTEMD}
    systemctl daemon-reload
    [ -n "$2" ] || systemctl enable kith.service
    systemctl restart kith.service
  fi
fi
`,
    prerm: `if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now kith.service
fi
`,
    postrm: `case $1 in
  remove) rm -rf /opt/kith ;;
  purge) rm -rf /opt/kith /etc/kith ;;
esac
${SYSTEMD} systemctl daemon-reload; fi
`,
  };
}

export function debianRuntime(): Scripts {
  return {
    postinst: `if [ "$1" = configure ] && [ -n "$2" ] && [ -d /run/systemd/system ]; then
  systemctl try-restart kith.service
fi
`,
  };
}
