// A plot shows every row inside its frame, on a scale that fits, and says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plotSvg } from './plots.ts';

const row = (name: string, median: number, isOwn = false): Parameters<typeof plotSvg>[1][number] => ({
  name,
  spread: { median, min: median * 0.9, max: median * 1.1 },
  text: `${median} µs`,
  isOwn,
});

function dotsOf(svg: string): number[] {
  return [...svg.matchAll(/cx="([\d.-]+)"/gu)].map(([, x]) => Number(x));
}

test('rows stand in the order of their medians, and a greater one stands further right', () => {
  const svg = plotSvg('CPU', [row('b & c', 40), row('a', 10, true)]);
  assert.ok(svg.indexOf('>a<') < svg.indexOf('>b &amp; c<'));
  const [first = 0, second = 0] = dotsOf(svg);
  assert.ok(first < second);
  assert.ok(!svg.includes('logarithmic'));
});

test('far apart: a logarithmic scale, all dots inside', () => {
  const svg = plotSvg('CPU', [row('small', 11, true), row('large', 13_000)]);
  assert.ok(svg.includes('logarithmic'));
  for (const x of dotsOf(svg)) assert.ok(x > 150 && x < 570, String(x));
});

test('below nothing: latency may be less than that of the direct call', () => {
  const svg = plotSvg('Latency', [row('a', -3), row('b', 100)]);
  assert.ok(!svg.includes('NaN'));
});
