// Tests that the cost stands in the usage chunk and nothing else of it is changed, however the chunk is written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventData } from '../lib/sse.ts';
import { withCost } from './stream-cost.ts';

const usage = '{"choices":[],"usage":{"prompt_tokens":3}';

test('the cost is the last member of the chunk, in whatever lines that comes', () => {
  const written: readonly (readonly [event: string, withIt: (member: string) => string])[] = [
    [`data: ${usage}}\n\n`, (member) => `data: ${usage}${member}}\n\n`],
    [`data:${usage} } \r\n\r\n`, (member) => `data:${usage} ${member}} \r\n\r\n`],
    [
      `event: x\ndata: ${usage}\ndata: }\rid: 7\r\r`,
      (member) => `event: x\ndata: ${usage}\ndata: ${member}}\rid: 7\r\r`,
    ],
  ];
  for (const [event, withIt] of written) {
    const known = withCost(Buffer.from(event), '0.000125');
    assert.equal(Buffer.from(known).toString(), withIt(',"aigateway":{"cost_usd":"0.000125"}'));
    const data = JSON.parse(Buffer.from(eventData(known) ?? []).toString()) as { aigateway: { cost_usd: string } };
    assert.equal(data.aigateway.cost_usd, '0.000125');
    const unknown = withCost(Buffer.from(event), undefined);
    assert.equal(Buffer.from(unknown).toString(), withIt(',"aigateway":{"cost_usd":null}'));
  }
});

test('what is no object stays as it is', () => {
  const event = Buffer.from('data: [1]\n\n');
  assert.equal(withCost(event, '1'), event);
});
