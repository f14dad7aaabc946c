// What the reader of a stream hears: the model's words by choice and channel, the usage, and the tier.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { EventMeaning } from '../../core/endpoint.ts';
import { HeardText, readRuns } from '../../core/heard-text.ts';
import { ChunkReader } from './stream-reader.ts';

function read(events: readonly string[]): { reader: ChunkReader; texts: string[] } {
  const text = new HeardText(() => {});
  const reader = new ChunkReader(text);
  for (const event of events) assert.equal(meaningOf(reader, event).isMalformed, false, event);
  const runs = text.take();
  return { reader, texts: runs === undefined ? [] : readRuns(runs) };
}

function meaningOf(reader: ChunkReader, data: string): EventMeaning {
  const event = Buffer.from(`data: ${data}\n\n`);
  return { ...reader.read(event.subarray(6, -2), event) };
}

const delta = (json: string, index = 0): string =>
  `{"choices":[{"index":${index},"delta":${json},"finish_reason":null}]}`;

const spoken: Readonly<Record<string, readonly [events: readonly string[], texts: readonly string[]]>> = {
  'roles and empty things are no words': [
    [delta('{"role":"assistant","content":"","refusal":null,"tool_calls":[]}'), delta('{}'), delta('{"content":null}')],
    [],
  ],
  text: [[delta('{"content":"Hi"}'), delta('{"content":" \\"you\\""}')], ['Hi "you"']],
  'two choices in turn': [
    [delta('{"content":"a"}'), delta('{"content":"b"}', 1), delta('{"content":"A"}'), delta('{"content":"B"}', 1)],
    ['aA', 'bB'],
  ],
  'two choices in one event': [
    ['{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}'],
    ['a', 'b'],
  ],
  'an index that comes last': [
    [
      '{"choices":[{"text":"a","index":0}]}',
      '{"choices":[{"text":"b","index":1}]}',
      '{"choices":[{"text":"c","index":0}]}',
    ],
    ['ac', 'b'],
  ],
  'a refusal': [[delta('{"refusal":"I"}'), delta('{"refusal":" cannot"}')], ['I cannot']],
  'reasoning, under either name, once': [
    [
      delta('{"reasoning_content":"So"}'),
      delta('{"reasoning_content":" then","reasoning":" then"}'),
      delta('{"content":"4","reasoning_content":null}'),
    ],
    ['So then', '4'],
  ],
  'reasoning alone': [[delta('{"reasoning":"So"}')], ['So']],
  'several members of one delta': [[delta('{"reasoning_content":"So","content":"4"}')], ['So', '4']],
  'tool calls': [
    [
      delta('{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"sum","arguments":""}}]}'),
      delta('{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":"}}]}'),
      delta('{"tool_calls":[{"index":1,"function":{"name":"max","arguments":"{}"}}]}'),
      delta(
        '{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":2,"custom":{"name":"run","input":"ls"}}]}',
      ),
    ],
    ['sum', '{"a":1}', 'max', '{}', 'run', 'ls'],
  ],
  'tool calls in forms of their own': [
    [
      delta('{"tool_calls":[{"index":12,"function":{"arguments":"a"}}]}'),
      delta('{"tool_calls":[{"index":12,"function":{"arguments":"b\\"]","x":1}}]}'),
      delta('{"tool_calls":[ {"index":12,"function":{"arguments":"c"}}]}'),
      delta('{"tool_calls":[{"index":12,"function":{"arguments":"d"}},{"index":13,"function":{"arguments":"e"}}]}'),
      delta('{"tool_calls":[{"index":12,"function":{"arguments":5}}]}'),
      delta('{"tool_calls":[{"index":-1.5,"function":{"arguments":"f"}}]}'),
    ],
    ['ab"]cd', 'e', 'f'],
  ],
  'a function call of old': [[delta('{"function_call":{"name":"sum","arguments":"{}"}}')], ['sum', '{}']],
  'what nobody can count': [[delta('{"audio":{"data":"AAAA"},"content":5,"tool_calls":"x","function_call":[]}')], []],
};

suite('the words of a stream', () => {
  for (const [name, [events, texts]] of Object.entries(spoken))
    test(name, () => assert.deepEqual(read(events).texts, texts));
});

const usages: Readonly<Record<string, readonly [events: readonly string[], rawUsage: string | undefined]>> = {
  none: [[delta('{"content":"a"}')], undefined],
  null: [['{"choices":[],"usage":null}'], undefined],
  'not an object': [
    ['{"choices":[],"usage":[1]}', '{"choices":[],"usage":"x"}', '{"choices":[],"usage":5}'],
    undefined,
  ],
  'as it came': [
    ['{"choices":[],"usage":{ "prompt_tokens" : 1.0e1,"x":{"y":[]} }}'],
    '{ "prompt_tokens" : 1.0e1,"x":{"y":[]} }',
  ],
  'the last object of several': [
    [
      '{"choices":[],"usage":{"a":1}}',
      '{"choices":[{"index":0,"delta":{}}],"usage":{"a":2}}',
      '{"choices":[],"usage":null}',
    ],
    '{"a":2}',
  ],
  'the last of one event': [['{"usage":{"a":1},"choices":[],"usage":{"a":2},"usage":null}'], '{"a":2}'],
};

suite('the usage of a stream', () => {
  for (const [name, [events, rawUsage]] of Object.entries(usages))
    test(name, () => assert.equal(read(events).reader.rawUsage, rawUsage));
});

suite('an empty text where others write null', () => {
  const chunk = (reason: string): string =>
    `{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":${reason}}]}`;

  test('is no finish reason: the stream is neither begun by it nor over', () => {
    const { reader } = read([]);
    assert.deepEqual([meaningOf(reader, chunk('""')).hasContent, reader.isFinished], [false, false]);
    assert.deepEqual([meaningOf(reader, chunk('"stop"')).hasContent, reader.isFinished], [true, true]);
  });

  test('is no error', () => {
    const { reader } = read([]);
    assert.equal(meaningOf(reader, '{"choices":[],"error":""}').error, undefined);
    assert.equal(meaningOf(reader, '{"choices":[],"error":"slow down"}').error, 'slow down');
  });
});

suite('an event that is named "error"', () => {
  const flat = '{"type":"error","code":"invalid_api_key","message":"no"}';
  const named = (lines: string, data: string): EventMeaning => {
    const event = Buffer.from(`${lines}data: ${data}\n\n`);
    return { ...read([]).reader.read(event.subarray(event.indexOf('data: ') + 6, -2), event) };
  };

  test('is the error itself where it holds none', () => {
    for (const lines of ['event: error\n', 'event:error\r\n', 'id: 3\revent: error\r'])
      assert.deepEqual(named(lines, flat).error, JSON.parse(flat), lines);
    assert.equal(named('event: error\n', '{"error":"slow down"}').error, 'slow down');
  });

  test('and no other is', () => {
    assert.equal(named('', flat).error, undefined);
    assert.equal(named('event: errors\n', flat).error, undefined);
    assert.equal(named('event: error\n', delta('{"content":"a"}')).error, undefined);
    assert.equal(named('', '{"note":"event: error"}').error, undefined);
  });
});

suite('the tier of a stream', () => {
  const tiers: Readonly<Record<string, readonly [events: readonly string[], tier: string | undefined]>> = {
    none: [[delta('{}'), '{"choices":[],"service_tier":null}', '{"choices":[],"service_tier":5}'], undefined],
    'the last one named': [
      ['{"service_tier":"auto"}', '{"service_tier":"default"}', '{"service_tier":"default"}', '{"service_tier":null}'],
      'default',
    ],
    'with escapes': [['{"service_tier":"f\\u006cex"}'], 'flex'],
  };
  for (const [name, [events, tier]] of Object.entries(tiers))
    test(name, () => assert.equal(read(events).reader.serviceTier, tier));
});

const onlyContent: EventMeaning = {
  isMalformed: false,
  isDone: false,
  error: undefined,
  hasContent: true,
  isUsageOnly: false,
  hasUsage: false,
};

test('events that only differ in their text mean the same whether or not they are read as a whole', () => {
  const words = fc.oneof(
    fc.constantFrom('', ' ', 'a', '"', '\\', '}', '\n', 'Ω', '"}]}', ' the'),
    fc.string({ unit: 'binary' }),
  );
  const event = fc.record({
    id: fc.constantFrom('a', 'b'),
    tier: fc.constantFrom(undefined, null, 'default', 'flex'),
    index: fc.constantFrom(0, 0, 0, 1),
    delta: fc.oneof(
      { weight: 6, arbitrary: fc.record({ content: words }) },
      fc.record({ content: words, role: fc.constant('assistant') }),
      fc.record({ refusal: words }),
      fc.record({ content: words, reasoning: words }),
      fc.record({ tool_calls: fc.constant([{ index: 0, function: { arguments: '{' } }]) }),
      fc.constant({}),
    ),
    finish: fc.constantFrom(null, null, null, 'stop'),
    padding: fc.option(words, { nil: undefined }),
    paddingFirst: fc.boolean(),
    usage: fc.constantFrom(undefined, null, null, { total_tokens: 3 }),
    hasChoices: fc.constantFrom(true, true, true, false),
    end: fc.constantFrom('', '', '', ' ', '}'),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.constantFrom('\n\n', '\r\n\r\n', '\r\r'), (events, lineEnds) => {
      const text = new HeardText(() => {});
      const slowText = new HeardText(() => {});
      const reader = new ChunkReader(text);
      const slowReader = new ChunkReader(slowText);
      const texts = events.map((one) => {
        const { id, tier, index, delta: said, finish, padding, paddingFirst, usage, hasChoices, end } = one;
        const obfuscation = padding === undefined ? {} : { obfuscation: padding };
        const json = JSON.stringify({
          id,
          service_tier: tier,
          ...(paddingFirst && obfuscation),
          choices: hasChoices ? [{ index, delta: said, finish_reason: finish }] : [],
          usage,
          ...(!paddingFirst && obfuscation),
        });
        return json + end;
      });
      const bytes = Buffer.from(texts.map((json) => `data: ${json}${lineEnds}`).join(''));
      let at = 0;
      let passedEnd = 0;
      for (const json of texts) {
        const event = bytes.subarray(at, at + Buffer.byteLength(json) + 6 + lineEnds.length);
        if (at === passedEnd) passedEnd = reader.readAlike(bytes, at);
        const isPassed = at < passedEnd;
        const meaning = isPassed ? onlyContent : { ...reader.read(event.subarray(6, -lineEnds.length), event) };
        at += event.length;
        if (!isPassed) passedEnd = at;
        assert.deepEqual(meaning, meaningOf(slowReader, json));
        if (at < passedEnd) continue;
        assert.equal(at, passedEnd, 'whole events');
        assert.equal(reader.isFinished, slowReader.isFinished);
        assert.deepEqual([reader.rawUsage, reader.serviceTier], [slowReader.rawUsage, slowReader.serviceTier]);
      }
      assert.deepEqual(text.take(), slowText.take());
    }),
    { numRuns: 500 },
  );
});
