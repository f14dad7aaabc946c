// Who asks what a key has spent is answered from a question that began later, together with the others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpendingQuestions } from './spending-questions.ts';

/** A ledger that notes what it is asked and answers when it is told to. */
function slowLedger(): {
  readonly questions: SpendingQuestions;
  readonly asked: string[];
  readonly answer: (outcome?: Error) => Promise<void>;
  isAway: boolean;
} {
  const asked: string[] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const ledger = {
    sync() {
      asked.push('sync');
      const synced = Promise.withResolvers<void>();
      waiting.push(synced);
      return synced.promise;
    },
  };
  const state = { isAway: false };
  const questions = new SpendingQuestions(ledger, {
    isAway: () => state.isAway,
    async spending(keyIds, fromMs) {
      asked.push(`${keyIds.join()} since ${fromMs}`);
      return new Map(keyIds.map((id) => [id, Number(id.slice(1)) + fromMs]));
    },
    spendingOfSpool: async () => undefined,
  });
  return Object.assign(state, {
    questions,
    asked,
    answer: async (outcome?: Error) => {
      const synced = waiting.shift();
      if (outcome === undefined) synced?.resolve();
      else synced?.reject(outcome);
      await new Promise(setImmediate);
    },
  });
}

test('while the database is known to be away nobody waits for it, and when it is back it is asked again', async () => {
  const ledger = slowLedger();
  ledger.isAway = true;
  const refused = await Promise.race([
    ledger.questions.spentSince('k1', 0).catch((error: Error) => error.message),
    new Promise((resolve) => setImmediate(resolve, 'waits')),
  ]);
  assert.equal(refused, 'the database does not answer');
  ledger.isAway = false;
  const spent = ledger.questions.spentSince('k1', 0);
  await ledger.answer();
  assert.equal(await spent, 1);
});

test('keys that are asked for while a question is under way share the next one, each period its own', async () => {
  const { questions, asked, answer } = slowLedger();
  const spent = [
    questions.spentSince('k1', 100),
    questions.spentSince('k2', 100),
    questions.spentSince('k3', 200),
    questions.spentSince('k2', 100),
    questions.spentSince('k4', 100),
  ];
  assert.deepEqual(asked, ['sync']);
  for (let i = 0; i < 3; i += 1) await answer();
  assert.deepEqual(await Promise.all(spent), [101, 102, 203, 102, 104]);
  assert.deepEqual(asked, ['sync', 'k1 since 100', 'sync', 'k2,k4 since 100', 'sync', 'k3 since 200']);
});

test('who asks when all have their answers is asked for, too', async () => {
  const { questions, answer } = slowLedger();
  for (const id of ['k1', 'k2']) {
    const spent = questions.spentSince(id, 0);
    await answer();
    assert.equal(await spent, Number(id.slice(1)));
  }
});

test('a question that fails fails those that it was for, and the next is asked', async () => {
  const { questions, answer } = slowLedger();
  const first = assert.rejects(questions.spentSince('k1', 0), /the disk is gone/u);
  const second = questions.spentSince('k2', 0);
  await answer(new Error('the disk is gone'));
  await answer();
  await first;
  assert.equal(await second, 2);
});

test('a question has a bounded number of keys, and none is forgotten', async () => {
  const { questions, asked, answer } = slowLedger();
  const spent = Array.from({ length: 600 }, (_, i) => questions.spentSince(`k${i}`, 0));
  for (let i = 0; i < 4; i += 1) await answer();
  assert.deepEqual(
    await Promise.all(spent),
    Array.from({ length: 600 }, (_, i) => i),
  );
  const lengths = asked.filter((text) => text !== 'sync').map((text) => text.split(',').length);
  assert.deepEqual(lengths, [1, 256, 256, 87]);
});
