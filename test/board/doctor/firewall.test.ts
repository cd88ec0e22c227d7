import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firewallVerdict } from '../../../board/doctor/firewall.js';
import { Lab } from '../../lab/namespaces.js';

const INPUT = 'type filter hook input priority filter;';

// What real nftables prints for these, and whether UDP 51820 gets in.
const rulesets: Array<[string, string, string | undefined]> = [
  ['none', '', undefined],
  ['open', `table inet a { chain input { ${INPUT} policy accept; } }`, undefined],
  [
    'closed',
    `table inet a { chain input { ${INPUT} policy drop; ct state established accept; } }`,
    'inet a input',
  ],
  [
    'closed by its last rule',
    `table ip a { chain in { ${INPUT} iif lo accept; counter reject; } }`,
    'ip a in',
  ],
  ['IPv6 alone', `table ip6 a { chain in { ${INPUT} policy drop; } }`, undefined],
  [
    'another hook',
    'table inet a { chain f { type filter hook forward priority 0; policy drop; } }',
    undefined,
  ],
  [
    'the port',
    `table inet a { chain in { ${INPUT} policy drop; udp dport 51820 accept; } }`,
    undefined,
  ],
  [
    'another port',
    `table inet a { chain in { ${INPUT} policy drop; udp dport 51821 accept; } }`,
    'inet a in',
  ],
  [
    'the port over TCP',
    `table inet a { chain in { ${INPUT} policy drop; tcp dport 51820 accept; } }`,
    'inet a in',
  ],
  [
    'a range',
    `table inet a { chain in { ${INPUT} policy drop; udp dport 51000-52000 accept; } }`,
    undefined,
  ],
  [
    'a set',
    `table inet a { chain in { ${INPUT} policy drop; udp dport { 53, 51820 } accept; } }`,
    undefined,
  ],
  [
    'a named set',
    `table inet a { set p { type inet_service; }
       chain in { ${INPUT} policy drop; udp dport @p accept; } }`,
    undefined,
  ],
  [
    'behind a jump, by transport header',
    `table inet a { chain sub { meta l4proto { tcp, udp } th dport 51820 accept; }
       chain in { ${INPUT} policy drop; jump sub; } }`,
    undefined,
  ],
  [
    'all but it',
    `table inet a { chain in { ${INPUT} policy drop; udp dport != 51820 accept; } }`,
    'inet a in',
  ],
  ['all that is left', `table inet a { chain in { ${INPUT} policy drop; accept; } }`, undefined],
  [
    'an accept that few get to',
    `table inet a { chain sub { accept; } chain in { ${INPUT} policy drop; iif lo jump sub; } }`,
    'inet a in',
  ],
];

const firewall = suite('board/doctor/firewall');

firewall('real rulesets', async () => {
  const lab = await Lab.create('doctor');
  try {
    await lab.namespace('a');
    for (const [name, ruleset, verdict] of rulesets) {
      await lab.must('a', 'nft', 'flush', 'ruleset');
      if (ruleset !== '')
        await lab.nft('a', ruleset.replaceAll('; }', ';\n}').replaceAll(/} (?=}|chain)/g, '}\n'));
      const json = await lab.must('a', 'nft', '-j', 'list', 'ruleset');
      assert.is(firewallVerdict(json, 51820), verdict, name);
    }
  } finally {
    await lab.dispose();
  }
});

firewall('what is no ruleset keeps nothing out', () => {
  for (const text of ['', '{', '[]', '{"nftables":1}', '{"nftables":[{"chain":1},{"rule":null}]}'])
    assert.is(firewallVerdict(text, 51820), undefined, text);
});

firewall.run();
