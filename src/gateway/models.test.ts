// Tests which models are listed, for whom, and whose they are said to be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Configuration } from '../core/configuration.ts';
import { GatewayError } from '../core/errors.ts';
import { modelsAnswer } from './models.ts';

const prefixes = [{ prefix: 'gpt-', providerId: 'openai' }];

function provider(id: string, supportedModels: readonly string[], isActive = true): [string, object] {
  return [id, { id, supportedModels, isActive }];
}

function route(pattern: string, providerId: string): object {
  return { id: pattern, pattern, providerId, model: null, fallbacks: [] };
}

/** Routes stand in the order in which they are asked. */
const configuration = {
  providers: new Map([
    provider('off', ['gone', 'gpt-4'], false),
    provider('openai', ['gpt-4', 'gpt-5']),
    provider('local', ['llama', 'gpt-oss', 'Fast', 'big-one']),
    provider('other', ['LLAMA', 'small']),
  ]),
  routes: [route('fast', 'openai'), route('lost', 'nobody'), route('big-*', 'other'), route('gpt-5', 'local')],
} as unknown as Configuration;

/** Whose each model is, or the error's code. */
function ask(name?: string, mayUse: (model: string) => boolean = () => true): unknown {
  try {
    const answer = JSON.parse(modelsAnswer(configuration, prefixes, name, mayUse)) as { data?: object[] };
    return (answer.data ?? [answer]).map((model) => Object.values(model).join(' '));
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return [error.code, error.details.param];
  }
}

test('each model once, sorted, with the provider that it is led to', () => {
  assert.deepEqual(ask(), [
    'big-one model 0 other',
    'fast model 0 openai',
    'gpt-4 model 0 openai',
    'gpt-5 model 0 local',
    'gpt-oss model 0 openai',
    'llama model 0 local',
    'small model 0 other',
  ]);
  assert.deepEqual(
    ask(undefined, (model) => model === 'small'),
    ['small model 0 other'],
  );
});

test('one model is found in any case, as requests for it are', () => {
  assert.deepEqual(ask('gpt-4'), ['gpt-4 model 0 openai']);
  assert.deepEqual(ask('FAST'), ['fast model 0 openai']);
  for (const name of ['gone', 'lost', 'big-*', 'gpt-6', '', '__proto__'])
    assert.deepEqual(ask(name), ['model_not_found', 'model'], name);
  assert.deepEqual(
    ask('gpt-4', () => false),
    ['model_not_found', 'model'],
  );
});
