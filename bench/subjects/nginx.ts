// nginx as a plain reverse proxy: the floor. One worker, connections kept alive on both sides, no access log.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { upstreamKey } from '../answers.ts';
import { freePort, startProcess } from '../lib/start-process.ts';
import { peers } from './peers.ts';
import type { RunningSubject, Subject, SubjectParts } from './subject.ts';

export const nginx: Subject = {
  title: 'nginx',
  isPeer: true,
  version: () => peers.nginx.installed(),
  start,
};

async function start({ upstreamPort, folder }: SubjectParts): Promise<RunningSubject> {
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(port, upstreamPort, folder));
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const url = new URL(`http://127.0.0.1:${port}/ready`);
  const running = await startProcess({
    command: 'nginx',
    args: ['-p', folder, '-c', file, '-e', join(folder, 'error.log')],
    env: {},
    withoutEnv: /^NGINX/u,
    ready: url,
  });
  return {
    target: {
      host: '127.0.0.1',
      port,
      path: '/v1/chat/completions',
      streamPath: '/unbuffered/v1/chat/completions',
      keys: ['sk-bench-client'],
      modelPrefix: '',
      isVerbatim: true,
    },
    pids: [running.pid],
    coldStartMs: running.readyMs,
    stop: running.stop,
  };
}

/** Like a gateway it replaces the client's key. Bodies stay in memory, and streams are passed on as they come. */
function configuration(port: number, upstreamPort: number, folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 8192; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  client_max_body_size 0;
  client_body_buffer_size 512k;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  upstream bench {
    server 127.0.0.1:${upstreamPort};
    keepalive 4096;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header connection "";
    proxy_set_header host api.openai.com;
    proxy_set_header authorization "Bearer ${upstreamKey}";
    location /ready { return 204; }
    location /v1/ { proxy_pass http://bench; }
    location /unbuffered/ {
      proxy_buffering off;
      proxy_pass http://bench/;
    }
  }
}
`;
}
