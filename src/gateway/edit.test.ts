// Tests what is read of a request's limits, and that an edit changes nothing but what it is for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinBytes } from '../lib/bytes.ts';
import { editBody, type Edits, type OutputCap } from './edit.ts';
import { parseRequest, type ParsedRequest } from './parse.ts';

function sent(request: ParsedRequest, edits: Edits): Buffer {
  return joinBytes(editBody(request, edits));
}

const limits: readonly (readonly [members: string, outputLimit: number | null, choices: number])[] = [
  ['', null, 1],
  ['"max_tokens":7', 7, 1],
  ['"max_completion_tokens":9,"max_tokens":7', 9, 1],
  ['"max_tokens":70,"max_completion_tokens":9,"n":3', 70, 3],
  ['"max_tokens":7,"max_tokens":3', 7, 1],
  // Most readers take the last of two, and null is no limit.
  ['"max_tokens":7,"max_tokens":null', null, 1],
  ['"max_tokens":null,"max_completion_tokens":7', 7, 1],
  ['"max_tokens":7,"max_completion_tokens":-1', null, 1],
  ['"max_tokens":0', 0, 1],
  ['"max_tokens":null', null, 1],
  ['"max_tokens":-1', null, 1],
  ['"max_tokens":"5"', null, 1],
  ['"max_tokens":1e2', 100, 1],
  ['"n":2,"best_of":5', null, 5],
  ['"n":0,"best_of":null', null, 1],
  // Some servers read a number in quotes as the number.
  ['"n":"4"', null, 4],
  ['"n":"x","best_of":{}', null, 1],
  ['"m\\u0061x_tokens":8', 8, 1],
];

test('of two limits the larger counts, and answers are multiplied', () => {
  for (const [members, outputLimit, choices] of limits) {
    const request = parseRequest(Buffer.from(`{"model":"m"${members === '' ? '' : ','}${members}}`));
    assert.deepEqual([request.outputLimit, request.choices], [outputLimit, choices], members);
  }
});

test('a limit under a name that the endpoint does not know is none', () => {
  const body = Buffer.from('{"model":"m","prompt":"x","max_completion_tokens":5}');
  const request = parseRequest(body, ['max_tokens']);
  assert.equal(request.outputLimit, null);
  const older = { name: 'max_tokens', tokens: 16 } as const;
  const result = sent(request, { model: 'm', addUsage: false, outputCap: older });
  assert.equal(result.toString(), '{"model":"m","prompt":"x","max_completion_tokens":5,"max_tokens":16}');
});

test('what makes a request dearer is seen', () => {
  const read = (members: string): unknown[] => {
    const request = parseRequest(Buffer.from(`{"model":"m",${members}}`));
    return [request.serviceTier, request.mayAnswerInSound, request.searchesTheWeb, request.predictedBytes];
  };
  assert.deepEqual(read('"service_tier":"priority"'), ['priority', false, false, 0]);
  assert.deepEqual(read('"service_tier":null,"audio":null,"prediction":null,"web_search_options":null'), [
    null,
    false,
    false,
    0,
  ]);
  assert.deepEqual(read('"audio":{},"web_search_options":{},"prediction":"12345"'), [null, true, true, 7]);
  assert.deepEqual(read('"modalities":["text","audio"]'), [null, true, false, 0]);
});

const cap: OutputCap = { name: 'max_completion_tokens', tokens: 5 };
const caps: readonly (readonly [body: string, edited: string])[] = [
  ['{"model":"m"}', '{"model":"m","max_completion_tokens":5}'],
  ['{ "model" : "m" }', '{ "model" : "m" ,"max_completion_tokens":5}'],
  ['{"max_completion_tokens":null,"model":"m"}', '{"max_completion_tokens":5,"model":"m"}'],
  [
    '{"max_completion_tokens":7,"model":"m","max_completion_tokens":null}',
    '{"max_completion_tokens":5,"model":"m","max_completion_tokens":5}',
  ],
  [
    '{"max_completion_tokens":null,"model":"m","max_completion_tokens":5000}',
    '{"max_completion_tokens":5,"model":"m","max_completion_tokens":5}',
  ],
  [
    '{"max_tokens":null,"model":"m","max_tokens":5000}',
    '{"max_tokens":null,"model":"m","max_tokens":null,"max_completion_tokens":5}',
  ],
  ['{"max_tokens":null,"model":"m"}', '{"max_tokens":null,"model":"m","max_completion_tokens":5}'],
  ['{"max_tokens":-1,"model":"m"}', '{"max_tokens":null,"model":"m","max_completion_tokens":5}'],
  [
    '{"max_completion_tokens":"x","max_completion_tokens":1.5,"model":"m"}',
    '{"max_completion_tokens":5,"max_completion_tokens":5,"model":"m"}',
  ],
];

test('a missing limit is written in one place', () => {
  for (const [body, edited] of caps) {
    const request = parseRequest(Buffer.from(body));
    const result = sent(request, { model: 'm', addUsage: false, outputCap: cap });
    assert.equal(Buffer.from(result).toString(), edited);
  }
  const request = parseRequest(Buffer.from('{"model":"m"}'));
  const older = { name: 'max_tokens', tokens: 7 } as const;
  const all = sent(request, { model: 'other', addUsage: true, outputCap: older });
  assert.equal(Buffer.from(all).toString(), '{"model":"other","stream_options":{"include_usage":true},"max_tokens":7}');
});

const usageEdits: readonly (readonly [body: string, edited: string])[] = [
  ['{"model":"m"}', '{"model":"m","stream_options":{"include_usage":true}}'],
  ['{"stream_options":null,"model":"m"}', '{"stream_options":{"include_usage":true},"model":"m"}'],
  ['{"stream_options":{},"model":"m"}', '{"stream_options":{"include_usage":true},"model":"m"}'],
  ['{"stream_options":{ \n},"model":"m"}', '{"stream_options":{"include_usage":true \n},"model":"m"}'],
  ['{"stream_options":{ "x":1},"model":"m"}', '{"stream_options":{"include_usage":true, "x":1},"model":"m"}'],
  ['{"stream_options":{"include_usage":false},"model":"m"}', '{"stream_options":{"include_usage":true},"model":"m"}'],
  [
    '{"stream_options":{"include_usage":null,"include_\\u0075sage":false},"model":"m"}',
    '{"stream_options":{"include_usage":null,"include_\\u0075sage":true},"model":"m"}',
  ],
  [
    '{"stream_options":{"include_usage":false},"stream_options":{"x":1},"model":"m"}',
    '{"stream_options":{"include_usage":false},"stream_options":{"include_usage":true,"x":1},"model":"m"}',
  ],
  // Anything else is the client's mistake, and the upstream's to tell.
  ['{"stream_options":true,"model":"m"}', '{"stream_options":true,"model":"m"}'],
  ['{"stream_options":[1,2],"model":"m"}', '{"stream_options":[1,2],"model":"m"}'],
  ['{"stream_options":"12","model":"m"}', '{"stream_options":"12","model":"m"}'],
];

test('the usage of a stream is asked for where readers look for it', () => {
  for (const [body, edited] of usageEdits) {
    const request = parseRequest(Buffer.from(body));
    assert.equal(sent(request, { model: 'm', addUsage: true, outputCap: null }).toString(), edited);
  }
});

test('what needs no edit goes out as it is, in its own memory', () => {
  const body = Buffer.from('{"model":"m","x":"\\u00e9"}');
  const [piece, ...more] = editBody(parseRequest(body), { model: 'm', addUsage: false, outputCap: null });
  assert.ok(piece === body && more.length === 0);
});

test('several edits stand each in its place, whatever the order of the members', () => {
  const body = '{"stream_options":{},"max_tokens":null,"model":"m","mod\\u0065l":"m","x":{"model":"m"}}';
  const edits = { model: 'o"1', addUsage: true, outputCap: { name: 'max_tokens', tokens: 3 } } as const;
  assert.equal(
    sent(parseRequest(Buffer.from(body)), edits).toString(),
    '{"stream_options":{"include_usage":true},"max_tokens":3,"model":"o\\"1","mod\\u0065l":"o\\"1","x":{"model":"m"}}',
  );
});

test('whatever else a body holds stays as it is, and the limit is the one that a reader finds', () => {
  // A parameter in another case ("N") is refused.
  const name = fc.string({ maxLength: 8 }).filter((text) => !/[A-Z\u017f\u212a]/u.test(text));
  const members = fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 6 });
  fc.assert(
    fc.property(members, fc.boolean(), (others, isPretty) => {
      const body = { ...others, model: 'm' };
      delete (body as Record<string, unknown>)['max_tokens'];
      const text = JSON.stringify(body, undefined, isPretty ? 2 : 0);
      const request = parseRequest(Buffer.from(text));
      if (request.outputLimit !== null) return;
      const edited = JSON.parse(
        Buffer.from(sent(request, { model: 'm', addUsage: false, outputCap: cap })).toString(),
      ) as Record<string, unknown>;
      assert.deepEqual(edited, { ...(JSON.parse(text) as object), max_completion_tokens: 5 });
    }),
  );
});
