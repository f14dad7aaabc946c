// The JSON scanner against JSON.parse: the same verdict on the form, the right spans.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isWholeJson, nameIs, skipString, skipValue, walkArray, walkObject } from './json-scan.ts';
import { readValue } from './json-value.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('accepts what JSON.parse accepts', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t'), (json, space) => {
      assert.equal(isWholeJson(bytes(space + json + space)), true);
    }),
  );
});

test('a value cut anywhere is refused, as JSON.parse refuses it', () => {
  fc.assert(
    fc.property(fc.object(), fc.nat(), (value, at) => {
      const json = JSON.stringify(value);
      const cut = json.slice(0, at % json.length);
      assert.equal(isWholeJson(bytes(cut)), false, cut);
    }),
  );
});

test('a value with one byte changed outside its strings is judged as JSON.parse judges it', () => {
  const structural = fc.constantFrom('{', '}', '[', ']', ',', ':', '0', '1', '-', '.', 'e', 't', ' ', '"');
  const number = fc.constantFrom(
    '1',
    '-0',
    '1.5',
    '1e400',
    '0.1000',
    '12345678901234567890',
    'true',
    'null',
    '[]',
    '{}',
  );
  const json = fc.array(number).map((values) => `{"a":[${values.join(',')}],"b":{"c":1}}`);
  fc.assert(
    fc.property(json, fc.nat(), structural, (text, at, character) => {
      const i = at % text.length;
      const changed = text.slice(0, i) + character + text.slice(i + 1);
      let isValid = true;
      try {
        JSON.parse(changed);
      } catch {
        isValid = false;
      }
      assert.equal(isWholeJson(bytes(changed)), isValid, changed);
    }),
    { numRuns: 2000 },
  );
});

test('long strings with escapes end where they end', () => {
  for (const inside of [
    'x'.repeat(100),
    `${'x'.repeat(80)}\\"${'y'.repeat(80)}`,
    '\\\\'.repeat(50),
    '\\"'.repeat(60),
  ]) {
    const text = `["${inside}",1]`;
    assert.deepEqual(JSON.parse(text).length, 2);
    assert.equal(isWholeJson(bytes(text)), true);
    assert.equal(isWholeJson(bytes(text.slice(0, -4))), false);
  }
});

test('a string ends at its quote, however many backslashes stand before it and whatever comes after', () => {
  for (let plain = 0; plain <= 140; plain += 1) {
    for (let slashes = 0; slashes <= 7; slashes += 1) {
      // Behind an odd number of backslashes the first quote belongs to the string, and the second one ends it.
      const first = `"${'x'.repeat(plain)}${'\\'.repeat(slashes)}"`;
      const whole = slashes % 2 === 0 ? first : `${first}"`;
      const text = bytes(`${whole},"y"`);
      assert.equal(skipString(text, 0, text.length), whole.length, whole);
      assert.equal(skipString(text, 0, whole.length), whole.length, whole);
      // What stands behind the end is somebody else's.
      assert.equal(skipString(text, 0, whole.length - 1), -1, whole);
    }
  }
  assert.equal(skipString(bytes('x"'), 0, 2), -1);
});

test('nothing is read beyond the end that is given, whatever stands there', () => {
  const text = '{"a":[1.5e+3,-0,true,null,"xy",{}],"b":{"c":[]}}';
  const all = bytes(text);
  for (let end = 0; end < text.length; end += 1) {
    assert.equal(skipValue(all, 0, end), -1, `up to ${end}`);
    assert.equal(
      walkObject(all, 0, end, () => {}),
      -1,
      `up to ${end}`,
    );
  }
  assert.equal(skipValue(all, 0, text.length), text.length);
  for (const value of ['true', 'false', 'null', '"x"', '[1]', '{"a":1}', '-1.5e-7']) {
    const more = bytes(`${value}}]"0`);
    assert.equal(skipValue(more, 0, value.length), value.length, value);
    if (!value.startsWith('-')) assert.equal(skipValue(more, 0, value.length - 1), -1, value);
  }
  assert.equal(skipValue(bytes('1.5'), 0, 2), -1);
  assert.equal(skipValue(bytes('1e5'), 0, 2), -1);
});

test('a million open brackets neither overflow the stack nor pass', () => {
  assert.equal(skipValue(bytes('['.repeat(1_000_000)), 0, 1_000_000), -1);
});

test('walks members and elements with their spans', () => {
  const text = '{ "a" : [1, "x"] , "b":{} }';
  const members: string[] = [];
  const end = walkObject(bytes(text), 0, text.length, (nameStart, nameEnd, valueStart, valueEnd) =>
    members.push(`${text.slice(nameStart, nameEnd)}=${text.slice(valueStart, valueEnd)}`),
  );
  assert.equal(end, text.length);
  assert.deepEqual(members, ['"a"=[1, "x"]', '"b"={}']);
  const elements: unknown[] = [];
  walkArray(bytes(text), 8, text.length, (start, stop) => elements.push(readValue(bytes(text), start, stop)));
  assert.deepEqual(elements, [1, 'x']);
});

test('what opens otherwise is no object and no array, though it goes on like one', () => {
  for (const text of ['["a":1}', '("a":1}', ' {"a":1}', '"a":1}', ''])
    assert.equal(
      walkObject(bytes(text), 0, text.length, () => {}),
      -1,
      text,
    );
  for (const text of ['{1,2]', '(1]', ' [1]', '1]', ''])
    assert.equal(
      walkArray(bytes(text), 0, text.length, () => {}),
      -1,
      text,
    );
  assert.equal(isWholeJson(bytes('{"a":[1}]')), false);
  assert.equal(isWholeJson(bytes('[{"a":1]}')), false);
});

test('a name written with escapes is the same name', () => {
  const name = bytes('"m\\u006fdel"');
  assert.equal(nameIs(name, 0, name.length, 'model'), true);
  assert.equal(nameIs(name, 0, name.length, 'modal'), false);
  const all = bytes(String.raw`"\u0074\u006f\u006f\u006c\u005f\u0063\u0061\u006c\u006c\u0073"`);
  assert.equal(nameIs(all, 0, all.length, 'tool_calls'), true);
  assert.equal(nameIs(all, 0, all.length, 'tool_callz'), false);
});
