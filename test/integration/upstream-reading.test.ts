// What upstreams send arrives to the byte over plain and encrypted connections alike, however large and however slowly it is read.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { http1Upstream } from '../../src/upstream/http1/http1-upstream.ts';
import type { Transmission, TransportError, Upstream } from '../../src/upstream/upstream.ts';
import { makeCertificate } from '../support/certificate.ts';

const sizes = [0, 1, 200, 32_767, 32_768, 32_769, 40_960, 1_000_000, 8_000_003];
const pieceBytes = 70_001;

/** Bytes of which no two stretches are alike. */
function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31 + (i >> 8) * 17) & 0xff;
  return bytes;
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Answers `/N` with N bytes, of which `/N/chunked` does not say how many. */
const serve: RequestListener = (request, response) => {
  const [, size = '0', how] = (request.url ?? '').split('/');
  const bytes = bytesOf(Number(size));
  request.resume();
  if (how !== 'chunked') response.setHeader('content-length', bytes.length);
  for (let at = 0; at < bytes.length; at += pieceBytes) response.write(bytes.subarray(at, at + pieceBytes));
  response.end();
};

/** What comes when reading stops after every `pauseEvery` pieces until the next turn of the event loop. */
function receive(upstream: Upstream, origin: string, path: string, pauseEvery: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    const transmission: Transmission = upstream.send(
      { origin, mayBePrivate: true, path, method: 'POST', headers: [], body: [Buffer.from('{}')] },
      {
        onSent() {},
        onHead() {},
        onData(piece) {
          pieces.push(Buffer.from(piece));
          if (pieces.length % pauseEvery !== 0) return;
          transmission.pause();
          setImmediate(() => transmission.resume());
        },
        onEnd: () => resolve(Buffer.concat(pieces)),
        onError: (error: TransportError) => reject(error),
      },
    );
  });
}

/** A key and a certificate for this machine, made for this run; undefined where there is no `openssl`. */
async function certify(): Promise<{ readonly key: string; readonly cert: string } | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'aigateway-certificate-'));
  try {
    const made = makeCertificate(folder);
    return made && { key: await readFile(made.key, 'utf8'), cert: await readFile(made.cert, 'utf8') };
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const scheme of ['http', 'https'] as const) {
  suite(scheme, () => {
    const trusted = getCACertificates();
    const begun = new AsyncDisposableStack();
    let server: Server | undefined;
    let upstream: Upstream;
    let origin = '';
    before(async () => {
      if (scheme === 'http') server = createPlainServer(serve);
      else {
        const certificate = await certify();
        if (certificate === undefined) return;
        begun.defer(() => setDefaultCACertificates(trusted));
        setDefaultCACertificates([...trusted, certificate.cert]);
        server = createSecureServer(certificate, serve);
      }
      const listening = server;
      await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
      origin = `${scheme}://localhost:${(listening.address() as AddressInfo).port}`;
      begun.defer(async () => void (await new Promise((resolve) => listening.close(resolve))));
      upstream = http1Upstream(5000);
      begun.defer(() => upstream.close());
    });
    after(() => begun.disposeAsync());

    for (const pauseEvery of [Number.POSITIVE_INFINITY, 3, 1]) {
      const pace =
        pauseEvery === 1 ? 'stopped after every piece' : pauseEvery === 3 ? 'stopped now and then' : 'at once';
      test(`read ${pace}`, async (context) => {
        if (server === undefined) {
          context.skip('no openssl here to make a certificate with');
          return;
        }
        for (const size of sizes) {
          for (const path of [`/${size}`, `/${size}/chunked`]) {
            const received = await receive(upstream, origin, path, pauseEvery);
            assert.equal(received.length, size, path);
            assert.equal(digest(received), digest(bytesOf(size)), path);
          }
        }
      });
    }
  });
}
