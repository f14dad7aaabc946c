// Which reception an answer gets that is not declared, wherever it is cut, and that nothing of it is lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nothingHeard, type Conclusion, type Reception } from './reception.ts';
import { UndeclaredReception } from './undeclared-reception.ts';

class Recorder implements Reception {
  readonly hasContent = true;
  readonly isComplete = true;
  received = '';

  take(chunk: Uint8Array): undefined {
    this.received += Buffer.from(chunk).toString('latin1');
  }

  close(): Conclusion {
    return { kind: 'whole', body: undefined, heard: nothingHeard };
  }
}

const space = ' '.repeat(5000);

for (const [text, isStream] of [
  ['data: {}\n\n', true],
  ['event: x\n', true],
  ['id: 1\n', true],
  ['retry: 1\n', true],
  [': wait\n\n', true],
  ['\r\n\ndata: {}\n\n', true],
  ['\ufeffdata: {}\n\n', true],
  ['{"choices":[]}', false],
  ['\n {"choices":[]}', false],
  ['\ufeff{"choices":[]}', false],
  ['<html>', false],
  ['\u00e9', false],
  ['', false],
  ['\ufeff', false],
  ['\u00ef', false],
  [space, false],
  [`${space}data: {}`, false],
] as const) {
  test(`${JSON.stringify(text.slice(0, 20))} is ${isStream ? 'a' : 'no'} stream`, () => {
    const bytes = text === '\u00ef' ? Buffer.of(0xef) : Buffer.from(text);
    for (const step of [1, 2, bytes.length + 1]) {
      const stream = new Recorder();
      const whole = new Recorder();
      const reception = new UndeclaredReception(
        () => stream,
        () => whole,
      );
      assert.deepEqual([reception.hasContent, reception.isComplete], [false, false]);
      for (let at = 0; at < bytes.length; at += step) reception.take(bytes.subarray(at, at + step));
      assert.equal(reception.close(undefined).kind, 'whole');
      assert.deepEqual([reception.hasContent, reception.isComplete], [true, true]);
      const sent = bytes.toString('latin1');
      if (isStream) assert.deepEqual([stream.received, whole.received], [sent, '']);
      else assert.equal(stream.received, '');
      if (!isStream && bytes.length > 3 && bytes.length < space.length) assert.equal(whole.received, sent);
    }
  });
}
