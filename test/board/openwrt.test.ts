import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Debian } from '../../board/debian.js';
import { detect } from '../../board/detect.js';
import { realHands } from '../../board/hands.js';
import { OpenWrt } from '../../board/openwrt.js';
import { rehearse, rehearseUndo } from '../../board/rehearsal.js';
import type { Step } from '../../board/step.js';
import { readUci, readWords } from '../../board/uci.js';
import { FakeUci } from './fakeuci.js';

const none = () => undefined;
const router = new OpenWrt('GL-MT3000', 'OpenWrt 24.10.2');
const PORT: Step = { kind: 'port', device: 'kith0', port: 51820 };
const DNS: Step = { kind: 'dns', device: 'kith0', domain: 'kith', port: 5355 };

const openwrt = suite('board/openwrt');

openwrt('the machine is told from its files', () => {
  const files: Record<string, string> = {
    '/etc/openwrt_release': "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='24.10.2'\n",
    '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    '/proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.5\0',
  };
  const wrt = detect((path) => files[path]);
  assert.equal([wrt.kind, wrt.system], ['openwrt', 'OpenWrt 24.10.2']);
  const { '/etc/openwrt_release': _, ...rest } = files;
  const pi = detect((path) => (rest as typeof files)[path]);
  assert.equal(
    [pi.kind, pi.model, pi.system],
    ['debian', 'Raspberry Pi 4 Model B Rev 1.5', 'Debian GNU/Linux 12 (bookworm)'],
  );
  assert.equal([detect(none).kind, detect(none).model], ['debian', 'unknown machine']);
});

openwrt('rehearsed: each commit and reload is said once, behind the last that needs it', () => {
  const lines = rehearse(router, [PORT, DNS], none);
  assert.equal(lines, [
    'uci set firewall.kith=zone',
    'uci set firewall.kith.name=kith',
    'uci delete firewall.kith.device',
    'uci add_list firewall.kith.device=kith0',
    'uci set firewall.kith.input=ACCEPT',
    'uci set firewall.kith.output=ACCEPT',
    'uci set firewall.kith.forward=ACCEPT',
    'uci set firewall.kith.mtu_fix=1',
    'uci set firewall.kith_lan=forwarding',
    'uci set firewall.kith_lan.src=kith',
    'uci set firewall.kith_lan.dest=lan',
    'uci set firewall.lan_kith=forwarding',
    'uci set firewall.lan_kith.src=lan',
    'uci set firewall.lan_kith.dest=kith',
    'uci set firewall.kith_port=rule',
    'uci set firewall.kith_port.name=Allow-kith',
    'uci set firewall.kith_port.src=wan',
    'uci set firewall.kith_port.proto=udp',
    'uci set firewall.kith_port.dest_port=51820',
    'uci set firewall.kith_port.target=ACCEPT',
    'uci commit firewall',
    '/etc/init.d/firewall reload',
    "uci add_list dhcp.@dnsmasq[0].server='/kith/127.0.0.1#5355'",
    'uci add_list dhcp.@dnsmasq[0].rebind_domain=/kith/',
    'uci commit dhcp',
    '/etc/init.d/dnsmasq restart',
  ]);
  assert.equal(rehearseUndo(router, [PORT, DNS], none), [], 'they stay until kith is removed');
});

openwrt('only a difference is written, and only then something is reloaded', async () => {
  const uci = new FakeUci();
  uci.sections.set('dhcp.@dnsmasq[0]', {
    type: 'dnsmasq',
    options: new Map([['server', ['/lan.example/192.0.2.1']]]),
  });
  const take = async (steps: readonly Step[], which: 'apply' | 'undo' = 'apply') => {
    uci.commits.length = 0;
    uci.others.length = 0;
    const actions = steps.flatMap((step) => router.render(step, none)?.[which] ?? []);
    return realHands(uci.run).perform(actions);
  };
  assert.equal(await take([PORT, DNS]), []);
  assert.equal([...new Set(uci.commits)], ['firewall', 'dhcp']);
  assert.equal(uci.others, ['/etc/init.d/firewall reload', '/etc/init.d/dnsmasq restart']);
  assert.equal(uci.sections.get('dhcp.@dnsmasq[0]')?.options.get('server'), [
    '/lan.example/192.0.2.1',
    '/kith/127.0.0.1#5355',
  ]);
  assert.equal(await take([PORT, DNS]), []);
  assert.equal([uci.commits, uci.others], [[], []], 'a second time changes nothing');
  assert.equal(await take([{ ...PORT, port: 4000 }]), []);
  assert.equal(uci.commits, ['firewall']);
  assert.equal(uci.sections.get('firewall.kith_port')?.options.get('dest_port'), ['4000']);
  assert.equal(await take([{ ...DNS, port: 5356 }]), []);
  assert.equal(
    uci.sections.get('dhcp.@dnsmasq[0]')?.options.get('server'),
    ['/lan.example/192.0.2.1', '/kith/127.0.0.1#5356'],
    'in the place of the other port',
  );
  assert.equal(uci.sections.get('dhcp.@dnsmasq[0]')?.options.get('rebind_domain'), ['/kith/']);
  assert.equal(await take([DNS]), []);
  assert.equal(await take([DNS, PORT], 'undo'), []);
  assert.equal(
    [...uci.sections].map(([name, { options }]) => [name, options.get('server')]),
    [['dhcp.@dnsmasq[0]', ['/lan.example/192.0.2.1']]],
    "ours is gone, the owner's is there",
  );
});

openwrt('what `uci show` prints is read back', () => {
  const shown = `firewall.kith=zone
firewall.kith.name='kith'
firewall.kith.device='kith0' 'it'\\''s'
firewall.@rule[0]=rule
firewall.@rule[0].name='Allow DHCP'
`;
  const sections = readUci(shown);
  assert.equal([...sections.keys()], ['kith', '@rule[0]']);
  assert.equal(Object.fromEntries(sections.get('kith') ?? []), {
    '': 'zone',
    name: 'kith',
    device: ['kith0', "it's"],
  });
  assert.is(sections.get('@rule[0]')?.get('name'), 'Allow DHCP');
  assert.equal(readWords(`'a' b\\ c '' 'open`), ['a', 'b c', '', 'open']);
  assert.equal([...readUci("x\ny.z\n.=\n'\n").keys()], []);
});

openwrt('Debian: what its owner has chosen is told, nothing else', () => {
  const debian = new Debian('Pi', 'Debian');
  const lines = (files: Record<string, string>) =>
    rehearse(debian, [PORT, DNS], (path) => files[path]);
  assert.equal(lines({}), []);
  assert.equal(lines({ '/etc/ufw/ufw.conf': 'ENABLED=yes\n' }), [
    'ufw allow 51820/udp comment kith',
  ]);
  assert.equal(lines({ '/run/firewalld.pid': '1', '/run/systemd/resolve/stub-resolv.conf': '' }), [
    'firewall-cmd --quiet --add-port=51820/udp',
    'resolvectl dns kith0 127.0.0.1:5355',
    "resolvectl domain kith0 '~kith'",
  ]);
  const kernel: Step = { kind: 'kernel', name: 'net.ipv4.ip_forward', value: '1' };
  const forward = (now: string) => rehearse(debian, [kernel], () => now);
  assert.equal(forward('0\n'), ['echo 1 > /proc/sys/net/ipv4/ip_forward']);
  assert.equal(forward('1\n'), []);
});

openwrt.run();
