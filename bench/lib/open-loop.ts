// Asks at a steady rate, whether answers come or not: an open loop, so that a slow answer hides no others.
import { Agent, request } from 'undici';

const tickMs = 2;
const patienceMs = 30_000;

/** One request. Times are ms of `performance.now()`. */
export interface Sample {
  readonly startedAtMs: number;
  readonly tookMs: number;
  /** The error's code where there is one (`storage_unavailable`), else the status; what went wrong with the connection. */
  readonly outcome: string;
  readonly status: number;
  readonly asked: string;
}

/** Where one request goes. */
export interface Ask {
  readonly url: string;
  readonly key: string;
  /** What its sample is filed under. */
  readonly asked: string;
}

/** Requests that go out until they are stopped. */
export interface OpenLoop {
  /** What has been answered so far. */
  readonly samples: readonly Sample[];
  /** Sends no more; resolves when all are answered. */
  stop(): Promise<void>;
}

/** Asks `perSecond` times a second, the n-th time as `askOf(n)` says. */
export function beginOpenLoop(perSecond: number, body: string, askOf: (n: number) => Ask): OpenLoop {
  const agent = new Agent({ pipelining: 1, headersTimeout: patienceMs, bodyTimeout: patienceMs });
  const samples: Sample[] = [];
  const running = new Set<Promise<void>>();
  const beganAtMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - beganAtMs) * perSecond) / 1000);
    for (; sent < due; sent += 1) {
      const one = askOnce(agent, body, askOf(sent)).then((sample) => {
        samples.push(sample);
        running.delete(one);
      });
      running.add(one);
    }
  }, tickMs);
  return {
    samples,
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
      await agent.close();
    },
  };
}

async function askOnce(dispatcher: Agent, body: string, { url, key, asked }: Ask): Promise<Sample> {
  const startedAtMs = performance.now();
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  let [status, outcome] = [0, ''];
  try {
    const answer = await request(`${url}/v1/chat/completions`, { method: 'POST', headers, body, dispatcher });
    const text = await answer.body.text();
    status = answer.statusCode;
    outcome = /"code": ?"(\w+)"/u.exec(text)?.[1] ?? String(status);
  } catch (error) {
    outcome = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
  }
  return { startedAtMs, tookMs: performance.now() - startedAtMs, status, outcome, asked };
}
