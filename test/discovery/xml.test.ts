import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { elementsOf, parseXml, textOf } from '../../agent/discovery/xml.js';

const xml = suite('discovery/xml');

const SAMPLE = `\uFEFF<?xml version="1.0"?>
<!-- a > b -->
<a:root xmlns:a='urn:x > "y"'>
  <b>one</b><b a="/>" />
  <c><b> x&amp;y &lt; &amp;amp; </b></c>
</a:root>
`;

xml('elements, their text and order', () => {
  const root = parseXml(SAMPLE);
  assert.ok(root);
  assert.is(root.name, 'root');
  assert.equal(
    elementsOf(root, 'b').map(({ text }) => text.trim()),
    ['one', '', 'x&amp;y &lt; &amp;amp;'],
  );
  const [within] = elementsOf(root, 'c');
  assert.is(within && textOf(within, 'b'), 'x&y < &amp;');
  assert.is(textOf(root, 'd'), undefined);
});

xml('what is not well-formed is none', () => {
  for (const text of [
    '',
    'a',
    '<a>',
    '</a>',
    '<a></b>',
    '<a></a',
    '<a></a><b></b>',
    '<a></a>b',
    '<a><b></a></b>',
    '<x:a></y:a>',
    '<a b="></a>',
    '<a <b></a>',
    '<a></a c="d">',
    '<1></1>',
    '<a><!-- </a>',
    '<a>&lt;</a><',
    '< a></a>',
    '<a><![CDATA[x]]></a>',
  ])
    assert.is(parseXml(text), undefined, text);
});

xml('document types and entities are refused', () => {
  const bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a><d>&c;</d></a>';
  assert.is(parseXml(bomb), undefined);
  for (const text of ['&c;', '&#65;', '&', '&amp', '&amp;&c;']) {
    const root = parseXml(`<a>${text}</a>`);
    assert.is(root && textOf(root, 'a'), undefined, text);
  }
});

xml('size, depth and number have bounds', () => {
  const deep = (n: number) => '<a>'.repeat(n) + '</a>'.repeat(n);
  assert.ok(parseXml(deep(24)));
  assert.is(parseXml(deep(25)), undefined);
  const wide = (n: number) => `<a>${'<b/>'.repeat(n)}</a>`;
  assert.ok(parseXml(wide(1_999)));
  assert.is(parseXml(wide(2_000)), undefined);
  const long = (n: number) => `<a>${'x'.repeat(n - 7)}</a>`;
  assert.ok(parseXml(long(65_536)));
  assert.is(parseXml(long(65_537)), undefined);
});

xml('cut or altered anywhere, it throws nothing', () => {
  for (let at = 0; at < SAMPLE.length; at++) {
    parseXml(SAMPLE.slice(0, at));
    for (const character of '<>&"\'/!? ') {
      const root = parseXml(SAMPLE.slice(0, at) + character + SAMPLE.slice(at + 1));
      if (root) textOf(root, 'b');
    }
  }
});

xml.run();
