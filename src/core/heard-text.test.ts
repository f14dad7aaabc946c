// What a model has said, kept for counting: nothing is lost, and never more than a little is held.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeardText, readRuns } from './heard-text.ts';

function add(text: HeardText, choice: number, channel: number, words: string): void {
  const json = Buffer.from(JSON.stringify(words));
  text.add(choice, channel, json, 1, json.length - 1);
}

test('pieces of one choice and channel are joined, however they take turns', () => {
  const text = new HeardText(() => assert.fail('nothing is full'));
  assert.equal(text.take(), undefined);
  add(text, 0, 0, 'Hello');
  add(text, 1, 0, '漢');
  add(text, 0, 0, ' "world"\n');
  add(text, 0, 5, '{"a":');
  add(text, 1, 0, '字 🙂');
  add(text, 0, 5, '1}');
  assert.deepEqual(readRuns(text.take() ?? new Uint8Array()), ['Hello "world"\n', '漢字 🙂', '{"a":1}']);
  assert.equal(text.take(), undefined);
});

test('a character escaped in two halves is whole again', () => {
  const text = new HeardText(() => {});
  for (const half of ['\\ud83d', '\\ude42']) text.add(0, 0, Buffer.from(half), 0, half.length);
  assert.deepEqual(readRuns(text.take() ?? new Uint8Array()), ['🙂']);
});

test('what is no JSON text is taken as it stands', () => {
  const text = new HeardText(() => {});
  for (const piece of ['a\\', 'xb']) text.add(0, 0, Buffer.from(piece), 0, piece.length);
  assert.deepEqual(readRuns(text.take() ?? new Uint8Array()), ['a\\xb']);
  assert.deepEqual(readRuns(Buffer.from([0x1e, 0x80])), ['']);
});

test('any texts come back whole, and no more than 32 KiB and a piece are held', () => {
  const pieces = fc.array(fc.tuple(fc.nat(20_000), fc.nat(200), fc.string({ unit: 'binary', maxLength: 3000 })));
  fc.assert(
    fc.property(pieces, (list) => {
      const said = new Map<string, string>();
      const heard: string[] = [];
      const take = (runs: Uint8Array): void => {
        assert.ok(runs.length < (32 << 10) + 20_000);
        heard.push(...readRuns(runs));
      };
      const text = new HeardText(take);
      let bytes = 0;
      for (const [choice, channel, words] of list) {
        add(text, choice, channel, words);
        bytes += Buffer.byteLength(JSON.stringify(words)) - 2;
        const key = `${choice & 0x3fff} ${Math.min(channel, 127)}`;
        said.set(key, (said.get(key) ?? '') + words);
      }
      const rest = text.take();
      if (rest !== undefined) take(rest);
      assert.equal(text.totalBytes, bytes);
      const sorted = (texts: Iterable<string>): string => [...texts].join('').split('').sort().join('');
      assert.equal(sorted(heard), sorted(said.values()));
    }),
    { numRuns: 100 },
  );
});
