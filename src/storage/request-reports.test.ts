// Tests the bounds that ids are looked for within.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idsFrom } from '../lib/id.ts';
import { boundsOf, type Bound } from './request-reports.ts';

const [early, late] = [idsFrom('req', 1000), idsFrom('req', 9000)];
const [inEarly, inLate] = [`${early}x`, `${late}x`];

const rows: [filter: Parameters<typeof boundsOf>[0], before: string | undefined, source: object, bounds: Bound[]][] = [
  [{}, undefined, {}, []],
  [
    { fromMs: 1000, toMs: 9000 },
    undefined,
    {},
    [
      ['>=', early],
      ['<', late],
    ],
  ],
  [{ toMs: 9000 }, inEarly, {}, [['<', inEarly]]],
  [{ toMs: 1000 }, inLate, {}, [['<', early]]],
  [{}, undefined, { afterId: '' }, [['>', '']]],
  [{ fromMs: 1000 }, undefined, { afterId: inEarly }, [['>', inEarly]]],
  [{ fromMs: 9000 }, undefined, { afterId: inEarly }, [['>=', late]]],
  [{ toMs: 9000 }, undefined, { untilId: inEarly }, [['<=', inEarly]]],
  [{ toMs: 9000 }, undefined, { untilId: inLate }, [['<', late]]],
  [{}, inEarly, { untilId: inEarly }, [['<', inEarly]]],
];

test('of several bounds on a side the narrowest alone is said', () => {
  for (const [filter, before, source, bounds] of rows)
    assert.deepEqual(boundsOf(filter, before, source), bounds, JSON.stringify([filter, before, source]));
});
