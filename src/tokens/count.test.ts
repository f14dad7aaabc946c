// What is counted, with OpenAI's own vocabulary: prompts of every form, answers whole and cut, and texts without a break.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { countTokens as tokenize } from 'gpt-tokenizer/encoding/o200k_base';
import type { CountedKind } from '../core/token-estimator.ts';
import { countTokens, type Tokenizer } from './count.ts';

const plainly: Tokenizer = (text) => tokenize(text, { disallowedSpecial: new Set() });
const count = (kind: CountedKind, value: unknown): number =>
  countTokens(kind, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), plainly);

const user = { role: 'user', content: 'hello big world' };
const image = (detail?: string): object => ({
  type: 'image_url',
  image_url: { url: 'data:image/png;base64,AAAA', detail },
});

/** The opening of the answer is 3, a message 3 and its role 1, "hello big world" 3. */
const prompts: Readonly<Record<string, readonly [body: unknown, tokens: number]>> = {
  'a chat': [{ messages: [user] }, 10],
  'several messages, one with a name': [{ messages: [{ role: 'system', content: 'be kind', name: 'chef' }, user] }, 18],
  'text in parts': [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'hello big world' }] }] }, 10],
  'a picture looked at closely': [{ messages: [{ role: 'user', content: [image('high')] }] }, 7 + 765],
  'a picture looked at roughly': [{ messages: [{ role: 'user', content: [image('low')] }] }, 7 + 85],
  'a picture without a word about it': [{ messages: [{ role: 'user', content: [image()] }] }, 7 + 765],
  'sound and files': [
    { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA' } }] }] },
    7,
  ],
  'an earlier tool call and its result': [
    {
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_1', function: { name: 'add', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'world' },
      ],
    },
    3 + (4 + 3 + 2) + (4 + 1),
  ],
  'an earlier call of a custom tool, and the tool': [
    {
      messages: [{ role: 'assistant', tool_calls: [{ id: 'c', custom: { name: 'add', input: 'hello big world' } }] }],
      tools: [{ type: 'custom', custom: { name: 'add', description: ' world', format: { type: 'text' } } }],
    },
    3 + (4 + 4 + 3) + 2,
  ],
  'a custom tool with a grammar': [
    { messages: [], tools: [{ custom: { name: 'add', format: { grammar: { definition: 'hello big world' } } } }] },
    3 + 1 + 3,
  ],
  'a completion': [{ prompt: 'hello big world' }, 3],
  'several prompts': [{ prompt: ['hello big', ' world'] }, 3],
  'token ids': [{ prompt: [1, 2, 3] }, 3],
  'lists of token ids': [{ input: [[1, 2, 3], [4]] }, 4],
  'an embedding': [{ input: 'hello big world' }, 3],
  'a text to go on to': [{ prompt: 'hello', suffix: ' world' }, 2],
  nothing: [{}, 0],
  'messages that are none': [{ messages: [null, 5, 'x', []] }, 3 + 4 * 3],
  'no JSON': ['{"messages":[', 0],
  'special tokens are text': [{ prompt: '<|endoftext|>' }, 7],
};

suite('the prompt of', () => {
  for (const [name, [body, tokens]] of Object.entries(prompts))
    test(name, () => assert.equal(count('prompt', { model: 'x', ...(body as object) }), tokens));
});

test('tools are counted as the model reads them', () => {
  const weather = {
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: {
      type: 'object',
      required: ['city'],
      properties: {
        city: { type: 'string', description: 'Its name.' },
        units: { enum: ['metric', 'imperial'] },
        days: { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: ['string', 'null'] }] } },
        place: { type: 'object', properties: { latitude: { type: 'number' } } },
        more: {},
      },
    },
  };
  const anything = 'any';
  const declared = plainly(`// The weather of a city.
type get_weather = (_: {
// Its name.
city: string,
units?: "metric" | "imperial",
days?: integer | string | null[],
place?: {
latitude?: number,
},
more?: ${anything},
}) => ${anything};`);
  assert.equal(count('prompt', { messages: [user], tools: [{ type: 'function', function: weather }] }), 10 + declared);
  assert.equal(count('prompt', { messages: [user], functions: [weather, 5, {}] }), 10 + declared);
  const circle: Record<string, unknown> = { type: 'array' };
  let inner = circle;
  for (let i = 0; i < 100; i += 1) inner = inner['items'] = { type: 'array' } as Record<string, unknown>;
  assert.ok(count('prompt', { messages: [user], functions: [{ name: 'deep', parameters: circle }] }) < 50);
});

suite('the largest prompt', () => {
  const schema = {
    $defs: { city: { type: 'string', enum: ['Berlin', 'Paris'], description: 'A city.' } },
    allOf: [{ properties: { to: { $ref: '#/$defs/city' } }, additionalProperties: false }],
  };
  const grammar = { name: 'sql', description: 'Runs SQL.', format: { type: 'grammar', definition: 'start: SELECT' } };
  const request = {
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'hello big world' }, image()] },
      { role: 'assistant', tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'sql', input: 'SELECT 1' } }] },
      { role: 'tool', tool_call_id: 'c', content: { rows: [1, 2] } },
    ],
    tools: [
      { type: 'function', function: { name: 'go', parameters: schema } },
      { type: 'custom', custom: grammar },
    ],
    response_format: { type: 'json_schema', json_schema: { name: 'route', description: 'A way there.', schema } },
    prompt: ['hello', { more: 'world' }],
    input: [[1, 2, 3]],
    suffix: ' world',
  };

  test('holds all that a model can be shown, whatever form it is shown in', () => {
    const texts = [
      'hello big world',
      'SELECT 1',
      'A way there.',
      'hello',
      ' world',
      '{"rows":[1,2]}',
      '{"more":"world"}',
    ];
    const shown = [...texts, JSON.stringify(schema), JSON.stringify(grammar), JSON.stringify(schema)];
    const least = shown.reduce((sum, text) => sum + plainly(text), 0) + 3 + 3 * 3;
    const most = count('largest_prompt', request);
    assert.ok(most >= least, `${most} for ${least}`);
    assert.ok(most <= plainly(JSON.stringify(request)) + 3 + 3 * 3, String(most));
    assert.ok(most >= count('prompt', { ...request, messages: request.messages.slice(1) }));
  });

  test('of an answer that is predicted and of sound and pictures has nothing: they are counted otherwise', () => {
    const long = 'word '.repeat(500);
    const more = {
      prediction: { type: 'content', content: long },
      messages: [{ content: [image(), { type: 'file' }] }],
    };
    assert.equal(
      count('largest_prompt', { model: 'x', ...more }),
      count('largest_prompt', { model: 'x', messages: [{}] }),
    );
  });

  test('is to the token what stands there, and no less of what has another form than it should', () => {
    const rest = plainly('{}');
    const role = plainly('{"role":"user"}');
    const exact: readonly (readonly [body: object, tokens: number])[] = [
      [{}, 3 + rest],
      [{ prompt: 'hello big world' }, 3 + rest + 3],
      [{ prompt: [1, 2, 3] }, 3 + rest + 3],
      [{ input: [[1, 2, 3], [4]] }, 3 + rest + 4],
      [{ messages: [user, user] }, 3 + rest + 2 * (3 + role + 3)],
      [{ messages: 'hello big world' }, 3 + rest + 3 + 3],
      [{ messages: ['hello big world', null] }, 3 + rest + 3 + 3 + 3 + plainly('{}')],
      [{ messages: [{ content: [{ type: 'refusal', refusal: 'hello' }] }] }, 3 + rest + 3 + 1 + rest],
    ];
    for (const [body, tokens] of exact) assert.equal(count('largest_prompt', body), tokens, JSON.stringify(body));
  });

  test('is never too small for how a long run is cut', () => {
    // Merged as a whole, the cuts of these runs each cost a token.
    for (const unit of ['джба', 'ab1', '漢字', '=-'] as const) {
      const prompt = unit.repeat(1000);
      assert.ok(count('largest_prompt', { prompt }) >= plainly(prompt), unit);
    }
  });

  test('of what is no JSON is not known', () => {
    assert.throws(() => count('largest_prompt', '{"prompt":"\\x"}'), /no JSON/u);
  });
});

const answers: Readonly<Record<string, readonly [body: unknown, tokens: number]>> = {
  'a chat': [{ choices: [{ message: { role: 'assistant', content: 'hello big world', refusal: null } }] }, 3],
  'several choices': [{ choices: [{ message: { content: 'hello' } }, { message: { content: ' world' } }] }, 2],
  'tool calls': [
    {
      choices: [{ message: { tool_calls: [{ function: { name: 'add', arguments: '{}' } }], reasoning_content: 'so' } }],
    },
    3,
  ],
  'a completion': [{ choices: [{ text: 'hello big world', logprobs: { tokens: ['hello', ' big', ' world'] } }] }, 3],
  embeddings: [{ data: [{ embedding: [0.1, 0.2] }] }, 0],
  'one cut in a word': ['{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hello big \\"wor', 4],
  'one cut in an escape': ['{"choices":[{"message":{"content":"hello \\u00', 4],
  'one cut before its choices': ['{"id":"x","content":"hel', 0],
  'no answer': ['<html>"choices"</html>', 0],
};

suite('the answer of', () => {
  for (const [name, [body, tokens]] of Object.entries(answers))
    test(name, () => assert.equal(count('answer', body), tokens));
});

test('whatever stands there, counting it ends', () => {
  const kinds = fc.constantFrom<CountedKind>('runs', 'answer', 'prompt');
  const things = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 500 }),
    fc.json().map((json) => Buffer.from(`{"messages":${json},"prompt":${json},"choices":${json},"tools":${json}}`)),
  );
  fc.assert(
    fc.property(kinds, things, (kind, bytes) => {
      assert.ok(countTokens(kind, bytes, plainly) >= 0);
    }),
  );
});

test('texts without a break are counted in pieces, and hardly otherwise', () => {
  let longest = 0;
  const watched: Tokenizer = (text) => {
    for (const [run] of text.matchAll(/\S+|\s+/gu)) longest = Math.max(longest, run.length);
    return plainly(text);
  };
  const texts = [
    '漢字'.repeat(400),
    'ab1'.repeat(3000),
    ' '.repeat(5000),
    `see ${'x'.repeat(300)} and ${'y'.repeat(255)}`,
  ];
  for (const text of texts) {
    const exact = plainly(text);
    const pieces = countTokens('prompt', Buffer.from(JSON.stringify({ prompt: text })), watched);
    assert.ok(Math.abs(pieces - exact) <= Math.max(2, exact * 0.03), `${pieces} for ${exact}`);
  }
  assert.ok(longest <= 256, String(longest));
});
