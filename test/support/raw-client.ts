// A client that sends exactly the bytes it is told over a socket of its own, and hears everything until the socket closes.
import { connect } from 'node:net';

/** One answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends the bytes; resolves with all answers when the other side has closed the connection. */
export function sendRaw(url: string, bytes: string | Buffer): Promise<RawAnswer[]> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(Buffer.from(bytes as string, 'latin1')));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Whoever refuses a request may close the connection while it is still being sent.
    socket.on('error', () => {});
    socket.on('close', () => resolve(readAnswers(Buffer.concat(chunks).toString('latin1'))));
  });
}

/** Splits what came into answers, by the lengths that they state. */
function readAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /u.exec(rest)?.[1]);
    if (end === -1 || Number.isNaN(status)) return [...answers, { status: 0, head: '', body: rest }];
    const head = rest.slice(0, end);
    rest = rest.slice(end + 4);
    const length = /^content-length: (\d+)$/imu.exec(head)?.[1];
    let body = '';
    if (length !== undefined) {
      body = rest.slice(0, Number(length));
      rest = rest.slice(Number(length));
    } else if (/^transfer-encoding: chunked$/imu.test(head)) {
      const last = rest.indexOf('0\r\n\r\n');
      body = rest.slice(0, last);
      rest = rest.slice(last + 5);
    }
    answers.push({ status, head, body });
  }
  return answers;
}
