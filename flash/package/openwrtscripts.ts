// What OpenWrt's own packages do when they come and go, for opkg and apk alike: default_postinst
// runs and removes what /etc/uci-defaults brought, then enables and starts the init scripts;
// default_prerm stops and disables them, and on an upgrade (PKG_UPGRADE=1) stops them alone.

import type { Scripts } from './contents.js';

const FUNCTIONS = '$IPKG_INSTROOT/lib/functions.sh';

/** What a start needs stands before it: our own lines come first. */
export function postinstLines(name: string, { postinst = '' }: Scripts): string {
  const skip = '[ "$IPKG_NO_SCRIPT" = 1 ] && exit 0\n';
  return `${skip}${live(postinst)}${call(name, 'default_postinst')}`;
}

/** First the service ends, then our own lines take away what it left. */
export function prermLines(name: string, { prerm = '' }: Scripts): string {
  return `${call(name, 'default_prerm')}${live(prerm)}`;
}

function call(name: string, what: string): string {
  return [
    `if [ -s "${FUNCTIONS}" ]; then`,
    `  export root="$IPKG_INSTROOT" pkgname=${name}`,
    `  . "${FUNCTIONS}"`,
    `  ${what} ${name}.script`, // a name with an ending: older releases cut it off themselves
    'fi',
    '',
  ].join('\n');
}

/** Not on the root of an image that is being built. */
function live(lines: string): string {
  return lines === '' ? '' : `if [ -z "$IPKG_INSTROOT" ]; then\n${lines}fi\n`;
}
