// Who is let in: every way of showing a key, or none, and what is said to those who stay outside.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/clock.ts';
import { clientKeyText } from '../core/client-key-text.ts';
import type { ClientKey, KnownKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import { Secret } from '../core/secret.ts';
import { FailureMeter } from '../lib/failure-meter.ts';
import { checkModel, identify, mayUse, type IdentifyParts } from './identify.ts';

const good = clientKeyText(new Uint8Array(32).fill(1));
const revoked = clientKeyText(new Uint8Array(32).fill(2));
const expired = clientKeyText(new Uint8Array(32).fill(3));
const unknown = clientKeyText(new Uint8Array(32).fill(4));
const adminToken = 'an-admin-token-of-forty-characters-or-so';
const mistyped = `${good.slice(0, -1)}${good.endsWith('0') ? '1' : '0'}`;

const key: ClientKey = {
  id: 'key_1',
  name: 'Team A',
  models: [],
  rpm: null,
  tpm: null,
  maxConcurrency: null,
  budget: null,
  limitsMode: 'enforce',
  budgetMode: 'enforce',
  allowsUnpriced: false,
  keepsTranscripts: false,
  expiresAtMs: null,
};

function setUp({ isEmpty = false, isFresh = true, failuresAllowed = 1000 } = {}): IdentifyParts & { clock: FakeClock } {
  const clock = new FakeClock();
  const known = new Map<string, KnownKey>([
    [good, { key, isActive: true, replacedAtMs: null }],
    [revoked, { key, isActive: false, replacedAtMs: null }],
    [expired, { key: { ...key, expiresAtMs: clock.nowMs() }, isActive: true, replacedAtMs: null }],
  ]);
  return {
    clock,
    clientKeys: { isEmpty, find: (text) => known.get(text), isFresh: () => isFresh },
    refuseStranger: ({ peerAddress }) =>
      peerAddress === 'stranger' ? new GatewayError('forbidden', 'Only this machine.') : undefined,
    failedKeys: new FailureMeter(failuresAllowed),
    settings: { ADMIN_TOKEN: new Secret(adminToken) },
  };
}

function exchangeWith(headers: readonly string[], peerAddress = 'here'): Exchange {
  return { headers, peerAddress } as Exchange;
}

function judge(parts: IdentifyParts, headers: readonly string[], peer?: string): ClientKey | null | string {
  try {
    return identify(exchangeWith(headers, peer), parts);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    for (const text of [good, revoked, unknown]) assert.ok(!error.toBody().includes(text.slice(0, 12)));
    return `${error.status} ${error.code}`;
  }
}

const invalid = '401 invalid_client_key';

test('every way of showing a key', () => {
  const cases: [headers: string[], expected: ClientKey | string][] = [
    [['Authorization', `Bearer ${good}`], key],
    [['host', 'x', 'AUTHORIZATION', `bearer   ${good}  `, 'accept', '*/*'], key],
    [[], invalid],
    [['authorization', ''], invalid],
    [['authorization', 'Bearer'], invalid],
    [['authorization', 'Bearer '], invalid],
    [['authorization', good], invalid],
    [['authorization', `Basic ${good}`], invalid],
    [['authorization', `Bearer ${good} x`], invalid],
    [['authorization', `Bearer ${good},${good}`], invalid],
    [['authorization', `Bearer "${good}"`], invalid],
    [['authorization', `Bearer\t${good}`], invalid],
    [['authorization', `Bearer ${good}\0`], invalid],
    [['authorization', `Bearer ${good.toLowerCase()}`], invalid],
    [['authorization', `Bearer ${good}`, 'Authorization', `Bearer ${good}`], invalid],
    [['authorization', `Bearer ${unknown}`, 'authorization', `Bearer ${good}`], invalid],
    [['proxy-authorization', `Bearer ${good}`], invalid],
    [['x-api-key', good], invalid],
    [['api-key', good], invalid],
    [['authorization', `Bearer ${unknown}`], invalid],
    [['authorization', `Bearer ${revoked}`], invalid],
    [['authorization', `Bearer ${expired}`], invalid],
    [['authorization', `Bearer ${mistyped}`], invalid],
    [['authorization', 'Bearer sk-proj-0123456789'], invalid],
    [['authorization', `Bearer ${adminToken}`], '403 forbidden'],
    [['authorization', `Bearer ${adminToken}x`], invalid],
  ];
  for (const [headers, expected] of cases) assert.deepEqual(judge(setUp(), headers), expected, headers.join(' | '));
});

test('unknown, revoked, expired and mistyped keys get the very same answer', () => {
  const answers = [unknown, revoked, expired, mistyped, 'nonsense'].map((text) => {
    try {
      identify(exchangeWith(['authorization', `Bearer ${text}`]), setUp());
      return assert.fail('let in');
    } catch (error) {
      assert.ok(error instanceof GatewayError);
      return [error.status, error.toBody(), ...error.toHeaders()].join('\n');
    }
  });
  assert.equal(new Set(answers).size, 1, answers.join('\n\n'));
});

test('whatever stands in the header, it is let in or refused, and never anything else', () => {
  const parts = setUp({ failuresAllowed: 1e9 });
  const snippets = fc.constantFrom(
    "' OR 1=1 --",
    'Bearer',
    ' ',
    '\0',
    '\u00ff',
    good,
    'agw_',
    '%00',
    '${jndi:x}',
    '\t',
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(snippets).map((list) => list.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const verdict = judge(parts, ['authorization', text]);
      if (verdict === key) assert.match(text, new RegExp(`^bearer +${good} *$`, 'iu'));
      else assert.equal(verdict, invalid);
    }),
  );
  for (const text of [
    'x'.repeat(65_536),
    ' '.repeat(65_536),
    `Bearer ${' '.repeat(65_536)}x y`,
    `Bearer ${'agw_'.repeat(16_384)}`,
  ])
    assert.equal(judge(parts, ['authorization', text]), invalid);
});

test('while there is no key, who is welcome needs none, and any value will do', () => {
  const parts = setUp({ isEmpty: true, isFresh: false });
  for (const headers of [[], ['authorization', 'Bearer sk-x'], ['authorization', `Bearer ${unknown}`]]) {
    assert.equal(judge(parts, headers), null);
    assert.equal(judge(parts, headers, 'stranger'), '403 forbidden');
  }
  assert.equal(judge(setUp(), ['authorization', `Bearer ${good}`], 'stranger'), key, 'with a key everybody is welcome');
});

test('where nobody is served without a key, the admin token is told that it is none', () => {
  const refuseStranger = (): GatewayError => new GatewayError('invalid_client_key', 'No client key yet.');
  const parts = { ...setUp({ isEmpty: true }), refuseStranger };
  assert.equal(judge(parts, ['authorization', `Bearer ${adminToken}`]), '403 forbidden');
  for (const headers of [[], ['authorization', `Bearer ${adminToken}x`], ['authorization', `Bearer ${unknown}`]])
    assert.equal(judge(parts, headers), invalid);
});

test('while the database is away, known keys work on, and only what may be a key is told to wait', () => {
  const cases: [text: string, expected: ClientKey | string][] = [
    [good, key],
    [unknown, '503 storage_unavailable'],
    [revoked, invalid],
    [expired, invalid],
    [mistyped, invalid],
    ['nonsense', invalid],
  ];
  for (const [text, expected] of cases)
    assert.deepEqual(judge(setUp({ isFresh: false }), ['authorization', `Bearer ${text}`]), expected, text);
  assert.equal(judge(setUp({ isFresh: false }), []), invalid);
});

test('who sends wrong keys too often is told to wait; the right key, and other addresses, are served all the same', async () => {
  const parts = setUp({ failuresAllowed: 20 });
  const wrong = ['authorization', `Bearer ${unknown}`];
  for (let n = 0; n < 20; n += 1) assert.equal(judge(parts, wrong), invalid);
  assert.equal(judge(parts, wrong), '429 rate_limit_exceeded');
  assert.equal(judge(parts, wrong, 'elsewhere'), invalid);
  assert.equal(judge(parts, ['authorization', `Bearer ${good}`]), key);
  for (const headers of [[], ['authorization', `Bearer ${revoked}`], ['authorization', `Bearer ${expired}`]])
    assert.equal(judge(parts, headers), invalid, 'no guess');
  try {
    identify(exchangeWith(wrong), parts);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    assert.deepEqual(error.toHeaders(), ['retry-after', '3', 'retry-after-ms', '3000', 'x-should-retry', 'false']);
  }
  await parts.clock.advance(3000);
  assert.equal(judge(parts, wrong), invalid);
});

test('models that a key may ask for', () => {
  const cases: [models: string[], model: string, isAllowed: boolean][] = [
    [[], 'gpt-4', true],
    [['gpt-4'], 'GPT-4', true],
    [['gpt-4'], 'gpt-4o', false],
    [['gpt-4*'], 'gpt-4o', true],
    [['o1', 'gpt-*-mini'], 'gpt-4o-mini', true],
    [['o1', 'gpt-*-mini'], 'gpt-4o', false],
    [['*'], 'anything', true],
  ];
  for (const [models, model, isAllowed] of cases) {
    assert.equal(mayUse({ ...key, models }, model), isAllowed, `${models.join(' ')}: ${model}`);
    const check = (): void => checkModel({ ...key, models }, model);
    if (isAllowed) check();
    else
      assert.throws(check, (error: GatewayError) => {
        assert.deepEqual([error.status, error.code, error.param], [403, 'model_not_allowed', 'model']);
        assert.match(error.message, /"Team A".*"/u);
        assert.ok(error.message.includes(`"${model}"`));
        return true;
      });
  }
  assert.equal(mayUse(null, 'gpt-4'), true);
});
