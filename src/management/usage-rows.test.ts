// Rows of usage in their two forms: exact numbers, quoted texts, and no formula in a cell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvHead, emptySums, toCsv, toJson, type UsageRow } from './usage-rows.ts';

const sums = { ...emptySums, requests: '2', prompt_tokens: '9007199254740993', cost_nano_usd: '12345678901234567890' };

test('sums are written digit by digit', () => {
  const row: UsageRow = {
    group: [
      ['model', 'a"b'],
      ['key_id', null],
    ],
    sums,
  }; // prettier
  const text = toJson(row);
  assert.match(text, /"prompt_tokens":9007199254740993,/u);
  const { model, key_id: key, cost_usd: cost, requests } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual([model, key, cost, requests], ['a"b', null, '12345678901.23456789', 2]);
  assert.equal(toCsv(row), '"a""b",,2,0,9007199254740993,0,0,0,0,0,0,0,12345678901.23456789,0\r\n');
  assert.equal(
    csvHead(['model', 'key_id']),
    'model,key_id,requests,attempts,prompt_tokens,completion_tokens,total_tokens,cached_tokens,cache_write_tokens,reasoning_tokens,audio_prompt_tokens,audio_completion_tokens,cost_usd,unpriced_tokens\r\n',
  );
});

test('the cost is null where no token has a price, and not where none was used', () => {
  const rows: [total: string, unpriced: string, cost: string | null, cell: string][] = [
    ['0', '0', '0', '0'],
    ['11', '11', null, ''],
    ['12', '11', '0', '0'],
  ];
  for (const [total, unpriced, cost, cell] of rows) {
    const row: UsageRow = { group: [], sums: { ...emptySums, total_tokens: total, unpriced_tokens: unpriced } };
    assert.equal((JSON.parse(toJson(row)) as Record<string, unknown>)['cost_usd'], cost);
    assert.equal(toCsv(row), `0,0,0,0,${total},0,0,0,0,0,${cell},${unpriced}\r\n`);
  }
});

test('a cell is never a formula', () => {
  const cells: [text: string, cell: string][] = [
    ['plain', 'plain'],
    ['=1+1', "'=1+1"],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
    ['a,b', '"a,b"'],
    ['a\nb', '"a\nb"'],
    ['gpt-4=x', 'gpt-4=x'],
  ];
  for (const [text, cell] of cells)
    assert.equal(toCsv({ group: [['model', text]], sums: emptySums }).split(/,0(?:,0)*\r\n$/u)[0], cell);
});
