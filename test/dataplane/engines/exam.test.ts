import { createCipheriv } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeExam } from '../../../agent/dataplane/engines/exam.js';
import { lengthClass } from '../../../agent/dataplane/engines/judge.js';

const exam = makeExam();
const examining = suite('dataplane/engines/exam');

examining('the answers are those of node:crypto too', () => {
  for (const { key, counter, text, sealed } of exam) {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64LE(counter, 4);
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
    const want = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
    assert.is(Buffer.compare(sealed, want), 0, `${text.length} bytes`);
  }
});

examining('every length class up to a jumbo of 4 KiB is asked for', () => {
  const asked = new Set(exam.map((question) => lengthClass(question.text.length)));
  const missing = [];
  for (let length = 0; length <= 1_500; length++) {
    if (!asked.has(lengthClass(length))) missing.push(length);
  }
  assert.equal(missing, []);
  assert.is(asked.has(lengthClass(4_163)), true);
});

examining('is the same every time', () => assert.equal(makeExam(), exam));

examining.run();
