// A wire-tap between the gateway and the fake OpenAI: keeps what went each way, and can change the line ends of streams.
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One call as it went by. */
export interface RecordedCall {
  readonly sent: string;
  /** What the upstream answered, as it was passed on. */
  answered: string;
}

/** A wire-tap in front of one upstream. */
export interface Recorder extends AsyncDisposable {
  readonly url: string;
  readonly calls: RecordedCall[];
  /** What streams end their lines with from now on. */
  lineEnd: '\n' | '\r\n';
}

/** Starts one in front of `upstream`. */
export async function startRecorder(upstream: string): Promise<Recorder> {
  const calls: RecordedCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const call: RecordedCall = { sent: body.toString(), answered: '' };
      calls.push(call);
      const { method = 'GET', headers } = request;
      const onward = send(upstream + (request.url ?? ''), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        const isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
        answer.setEncoding('utf8').on('data', (text: string) => {
          const passed = isStream ? text.replaceAll('\n', recorder.lineEnd) : text;
          call.answered += passed;
          response.write(passed);
        });
        answer.on('end', () => response.end());
      });
      onward.on('error', () => response.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const recorder: Recorder = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    lineEnd: '\n',
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return recorder;
}
