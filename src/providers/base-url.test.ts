// Tests which addresses a provider may have.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseUrlProblem } from './base-url.ts';

const good = [
  'https://api.openai.com',
  'https://api.openai.com/',
  'HTTPS://api.openai.com/v1',
  'http://127.0.0.1:9999',
  'http://localhost:11434/v1',
  'http://[::1]:8000',
  'https://8.8.8.8',
  'https://[2606:4700::1111]/openai',
];

const metadata = [
  'http://169.254.169.254',
  'http://169.254.169.254./latest',
  'http://169.254.170.2/v2',
  'http://2852039166/',
  'http://0xa9.0xfe.0xa9.0xfe/',
  'http://0251.0376.0251.0376/',
  'http://[::ffff:169.254.169.254]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://metadata.google.internal/',
  'http://METADATA.google.internal./',
  'http://100.100.100.200',
  'http://0xA9FEA9FE/',
  'http://025177524776/',
  'http://169.254.43518/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[0:0:0:0:0:ffff:169.254.169.254]/',
  'http://[64:ff9b::169.254.169.254]/',
  'http://[fd00:ec2::23]/',
  'http://[FD00:0EC2:0:0:0:0:0:254]/',
  'http://168.63.129.16/machine',
  'http://metadata.goog',
  'http://metadata/',
  'http://１６９.254.169.254/',
];

const privateOnes = [
  'http://10.1.2.3',
  'http://192.168.0.1:8000/v1',
  'http://172.31.0.1',
  'http://[fd12:3456::1]',
  'http://100.64.0.1',
];

const malformed = [
  '',
  'api.openai.com',
  'ftp://api.openai.com',
  'file:///etc/passwd',
  ' https://api.openai.com',
  'https://api.openai.com ',
  'https://',
  'https:\\\\api.openai.com',
  'https://api.openai.com\\@evil.example',
];

test('an address on the internet or on this machine is good', () => {
  for (const url of good) assert.equal(baseUrlProblem(url, false), undefined, url);
});

test('metadata services are refused in every spelling, whatever is allowed', () => {
  for (const url of metadata) {
    for (const mayBePrivate of [false, true]) assert.match(baseUrlProblem(url, mayBePrivate) ?? '', /metadata/u, url);
  }
});

test('a private network needs leave', () => {
  for (const url of privateOnes) {
    assert.match(baseUrlProblem(url, false) ?? '', /allow_private/u, url);
    assert.equal(baseUrlProblem(url, true), undefined, url);
  }
});

test('what is not a plain http or https URL is refused', () => {
  for (const url of malformed) assert.match(baseUrlProblem(url, true) ?? '', /must be an http or https URL/u, url);
  assert.match(baseUrlProblem('https://user:pass@api.openai.com', true) ?? '', /user name or password/u);
  assert.match(baseUrlProblem('https://user@api.openai.com', true) ?? '', /user name or password/u);
  assert.match(baseUrlProblem('https://api.openai.com?a=b', true) ?? '', /query/u);
  assert.match(baseUrlProblem('https://api.openai.com/#', true) ?? '', /fragment/u);
});
