// Requests by id: what a map of the usual kind would know, whatever numbers the ids come to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OpenRequests, type OpenRequest } from './open-requests.ts';

const acts = fc.array(
  fc.record({
    what: fc.constantFrom('begin', 'begin', 'begin', 'end', 'take'),
    id: fc.constantFrom('req_a', 'req_b', 'req_c', 'req_d', 'req_e', ''),
  }),
  { maxLength: 60 },
);
/** How many numbers there are for all ids. */
const spread = fc.constantFrom(1, 2, 3, undefined);

test('it knows what a map knows', () =>
  fc.assert(
    fc.property(acts, spread, (list, numbers) => {
      const open = new OpenRequests(numbers === undefined ? undefined : (id) => (id.codePointAt(4) ?? 0) % numbers);
      const model = new Map<string, OpenRequest>();
      for (const [i, { what, id }] of list.entries()) {
        const before = model.get(id);
        assert.deepEqual(open.get(id), before);
        if (what === 'begin') {
          const position = before?.position ?? { segment: Math.floor(i / 7), offsetBytes: i };
          const request = { id, line: `line ${i}`, position, seenAtMs: before?.seenAtMs ?? i };
          model.set(id, request);
          open.set(request);
        } else if (what === 'end') {
          model.delete(id);
          open.delete(id);
        } else {
          const old = [...model.values()].filter(({ seenAtMs }) => seenAtMs < i - 10);
          for (const request of old) model.delete(request.id);
          const taken = open.takeBefore(i - 10);
          assert.deepEqual(
            taken.toSorted((a, b) => a.seenAtMs - b.seenAtMs),
            old,
          );
        }
        const [first] = model.values();
        assert.deepEqual(open.firstPosition, first?.position);
      }
    }),
  ));
