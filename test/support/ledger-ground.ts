// A gateway that may die at any moment, the fake OpenAI that does not, and mixed traffic whose ledger can be checked.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { MockScript } from '../../src/mock/script.ts';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { runProgram, type Program } from './program.ts';
import { chat, clientOf, setUp } from './rig.ts';

/** What a client knows of an answer that it has whole. */
interface Known {
  readonly atMs: number;
  readonly totalTokens: number;
}

const faultModel = 'gpt-fault-500';
const script: MockScript = { rpm: 10_000_000, tpm: 1_000_000_000 };

/** One folder, one fake OpenAI, and one gateway after the other. */
export class LedgerGround implements AsyncDisposable {
  readonly #folder: string;
  readonly #mock: Mock;
  readonly #env: Record<string, string>;
  readonly #known = new Map<string, Known>();
  #program: Program | undefined;
  #url = '';
  #count = 0;
  #isSetUp = false;

  private constructor(folder: string, mock: Mock, env: Record<string, string>) {
    this.#folder = folder;
    this.#mock = mock;
    this.#env = env;
  }

  static async open(
    folder = mkdtempSync(join(tmpdir(), 'aigateway-ledger-')),
    env: Record<string, string> = {},
  ): Promise<LedgerGround> {
    return new LedgerGround(folder, await startMock({ port: 0, script }), env);
  }

  get folder(): string {
    return this.#folder;
  }

  get url(): string {
    return this.#url;
  }

  /** The process that was started; of several workers it is the supervisor. */
  get pid(): number {
    return this.#program?.process.pid ?? 0;
  }

  async start(): Promise<void> {
    this.#program = runProgram(['serve', '--port', '0', '--data-dir', this.#folder], {
      env: { AIGATEWAY_LOG_LEVEL: 'warn', AIGATEWAY_DRAIN_TIMEOUT_MS: '5000', ...this.#env },
    });
    this.#url = await this.#program.url;
    if (!this.#isSetUp) await setUp(clientOf(this.#url), this.#mock);
    this.#isSetUp = true;
  }

  /** Ends the gateway and waits until it is gone; the moment of the signal, in epoch ms. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
    const atMs = Date.now();
    this.#program?.process.kill(signal);
    await this.#program?.exit;
    return atMs;
  }

  /** Sends requests at this rate for a while; resolves when all of them are over. */
  async traffic(perSecond: number, forMs: number): Promise<void> {
    const running: Promise<void>[] = [];
    const endAtMs = Date.now() + forMs;
    const startedAtMs = Date.now();
    for (let sent = 0; Date.now() < endAtMs;) {
      const due = ((Date.now() - startedAtMs) * perSecond) / 1000;
      for (; sent < due; sent += 1) running.push(this.#request().catch(() => {}));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(running);
  }

  async #request(): Promise<void> {
    this.#count += 1;
    const n = this.#count;
    const kind = n % 10;
    const model = `gpt-4-n${n}`;
    const { post } = clientOf(this.#url);
    if (kind === 9) {
      await (await post('/v1/chat/completions', chat(faultModel))).text();
      return;
    }
    const signal = kind === 8 ? AbortSignal.timeout(randomInt(1, 30)) : undefined;
    const stream = kind >= 4 && kind <= 8;
    const body = chat(model, { stream, ...(stream && { stream_options: { include_usage: true } }) });
    const text = await (await post('/v1/chat/completions', body, {}, signal)).text();
    const atMs = Date.now();
    const total = /"total_tokens":\s*(\d+)/u.exec(text)?.[1];
    if (total !== undefined && (!stream || text.includes('[DONE]')))
      this.#known.set(model, { atMs, totalTokens: Number(total) });
  }

  /**
   * Holds the ledger against the fake OpenAI's journal and against what the clients know. `deaths`: when a gateway was
   * killed, in epoch ms; what was answered within 100 ms before may be less than exact.
   */
  check(deaths: readonly number[]): { readonly requests: number; readonly attempts: number; readonly unknown: number } {
    const database = new DatabaseSync(join(this.#folder, 'aigateway.db'), { readOnly: true });
    try {
      const rows = database
        .prepare('SELECT model, outcome, total_tokens, usage_source, count(*) AS n FROM attempts GROUP BY model')
        .all() as { model: string; outcome: string; total_tokens: number; usage_source: string; n: number }[];
      const byModel = new Map(rows.map((row) => [row.model, row]));
      const arrived = new Map<string, number>();
      for (const { model, method } of this.#mock.journal().entries)
        if (method === 'POST' && model !== null) arrived.set(model, (arrived.get(model) ?? 0) + 1);
      for (const [model, times] of arrived) {
        const written = byModel.get(model)?.n ?? 0;
        if (model === faultModel) assert.ok(written >= times, `${model}: ${written} rows for ${times} calls`);
        else assert.equal(written, times, `${model}: rows and calls`);
      }
      for (const { model, outcome, n } of rows)
        if (!arrived.has(model)) assert.deepEqual([outcome, n], ['unknown', 1], `${model} never reached the upstream`);
      for (const [model, { atMs, totalTokens }] of this.#known) {
        if (deaths.some((deathMs) => atMs > deathMs - 100 && atMs <= deathMs + 1000)) continue;
        const row = byModel.get(model);
        assert.deepEqual([row?.total_tokens, row?.usage_source], [totalTokens, 'upstream'], model);
      }
      const one = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
      assert.equal(one('SELECT sum(requests) FROM usage_quarters'), one('SELECT count(*) FROM requests'), 'sums');
      assert.equal(one('SELECT sum(total_tokens) FROM usage_quarters'), one('SELECT sum(total_tokens) FROM attempts'));
      return {
        requests: one('SELECT count(*) FROM requests'),
        attempts: one('SELECT count(*) FROM attempts'),
        unknown: one("SELECT count(*) FROM requests WHERE outcome = 'unknown'"),
      };
    } finally {
      database.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
    await this.#mock.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
