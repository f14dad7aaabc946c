// Puts a reply on the wire, step by step and no faster than the reader reads, and writes down what went out.
import type { ServerResponse } from 'node:http';
import { Flow } from './flow.ts';
import type { JournalRecord } from './journal.ts';
import { hasSteps, type Chunk, type Reply, type Step } from './reply.ts';

/** Sends the reply. Ends when it is out, or when the connection is closed. */
export async function deliver(reply: Reply, response: ServerResponse, record: JournalRecord): Promise<void> {
  if (!hasSteps(reply) && reply.delayMs === undefined) return sendWhole(reply, reply.body as Chunk, response, record);
  const flow = new Flow(response);
  if (reply.delayMs !== undefined) await flow.pause(reply.delayMs);
  if (flow.isClosed) return;
  if (!hasSteps(reply)) return sendWhole(reply, reply.body as Chunk, response, record);
  await sendSteps(reply, reply.body, response, record, flow);
}

function sendWhole(reply: Reply, body: Chunk, response: ServerResponse, record: JournalRecord): void {
  record.bytesOut = Buffer.byteLength(body);
  response.setHeader('content-length', record.bytesOut);
  writeHead(reply, response, record);
  record.completionTokensSent = reply.tokens?.completion ?? 0;
  response.end(body);
}

async function sendSteps(
  reply: Reply,
  steps: Iterable<Step>,
  response: ServerResponse,
  record: JournalRecord,
  flow: Flow,
): Promise<void> {
  const isRaw = reply.isRaw === true;
  let isHeadOut = isRaw;
  if (!isRaw) writeHead(reply, response, record);
  for (const step of steps) {
    if (flow.isClosed) return;
    if ('data' in step) {
      isHeadOut = true;
      record.bytesOut += Buffer.byteLength(step.data);
      record.completionTokensSent += step.tokens;
      const isTaken = isRaw ? (response.socket?.write(step.data) ?? true) : response.write(step.data);
      if (!isTaken) await flow.drained();
      continue;
    }
    if (!isHeadOut) response.flushHeaders();
    isHeadOut = true;
    if (step.kind === 'pause') await flow.pause(step.ms);
    else return endBadly(step.kind, response, record, flow);
  }
  if (!flow.isClosed) response.end();
}

/** The endings that are not the end of an answer. */
async function endBadly(
  kind: 'hold' | 'reset' | 'hang-up',
  response: ServerResponse,
  record: JournalRecord,
  flow: Flow,
): Promise<void> {
  if (kind === 'hold') return flow.closed();
  await flow.settled();
  if (flow.isClosed) return;
  record.closedBy = 'server';
  if (kind === 'reset') response.socket?.resetAndDestroy();
  else response.socket?.destroySoon();
}

function writeHead(reply: Reply, response: ServerResponse, record: JournalRecord): void {
  record.status = reply.status;
  response.writeHead(reply.status, reply.headers as Record<string, string | string[]>);
}
