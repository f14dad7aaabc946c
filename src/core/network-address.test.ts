// Tests where addresses lead, in every spelling that can stand in for another.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressProblem, placeOf, type Place } from './network-address.ts';

const examples: Readonly<Record<Place, readonly string[]>> = {
  internet: [
    '8.8.8.8',
    '104.18.6.192',
    '2606:4700::6812:7c0',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '198.18.0.1',
    '2002:808:808::1',
    '::ffff:0:8.8.8.8',
  ],
  this_machine: [
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    '::',
    '64:ff9b::127.0.0.1',
    '::127.0.0.1',
    '2002:7f00:1::',
    '0:0:0:0:0:ffff:7f00:1',
    '::ffff:0:127.0.0.1',
    '64:ff9b:1::127.0.0.1',
  ],
  private_network: [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '192.0.0.8',
    '224.0.0.1',
    '255.255.255.255',
    'fd12:3456::1',
    'fc00::1',
    'fec0::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '64:ff9b::192.168.0.1',
    '2002:a00:1::1',
    '::ffff:0:10.0.0.1',
    '64:ff9b:1::10.0.0.1',
    '64:ff9b:1:abcd::8.8.8.8',
    '2001:0:4136:e378:8000:63bf:f5ff:fffe',
    'no address',
  ],
  metadata_service: [
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fe80::1',
    'fe80::a9fe:a9fe%eth0',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '::169.254.169.254',
    '2002:a9fe:a9fe::',
    '::ffff:0:169.254.169.254',
    '::ffff:0:a9fe:a9fe',
    '64:ff9b:1::169.254.169.254',
  ],
};

test('where an address leads', () => {
  for (const [place, addresses] of Object.entries(examples)) {
    for (const address of addresses) assert.equal(placeOf(address), place, address);
  }
});

test('neighbours of the ranges are not within', () => {
  for (const address of [
    '9.255.255.255',
    '11.0.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '126.255.255.255',
    '128.0.0.1',
    '223.255.255.255',
    'fb00::1',
    '64:ff9b:2::1',
    '2001:1::1',
    '2001:4860:4860::8888',
  ]) {
    assert.equal(placeOf(address), 'internet', address);
  }
});

test('a metadata service is never reached, a private network with leave, this machine by its own name', () => {
  const rows: readonly (readonly [
    host: string,
    address: string,
    mayBePrivate: boolean,
    problem: RegExp | undefined,
  ])[] = [
    ['api.example', '8.8.8.8', false, undefined],
    ['api.example', '169.254.169.254', true, /^leads to a cloud metadata service/u],
    ['localhost', '169.254.169.254', true, /metadata/u],
    ['api.example', '10.0.0.1', false, /^leads into a private network; set config\.allow_private/u],
    ['api.example', '10.0.0.1', true, undefined],
    ['localhost', '10.0.0.1', false, undefined],
    ['api.example', '127.0.0.1', false, /^leads to this machine; set config\.allow_private/u],
    ['api.example', '127.0.0.1', true, undefined],
    ['api.example', '0.0.0.0', false, /this machine/u],
    ['localhost', '127.0.0.1', false, undefined],
    ['LOCALHOST.', '::1', false, undefined],
    ['models.localhost', '127.0.0.1', false, undefined],
    ['localhost.example', '127.0.0.1', false, /this machine/u],
    ['notlocalhost', '127.0.0.1', false, /this machine/u],
    ['127.0.0.1', '127.0.0.1', false, undefined],
    ['[::1]', '::1', false, undefined],
    ['10.0.0.1', '10.0.0.1', false, /private network/u],
  ];
  for (const [host, address, mayBePrivate, problem] of rows) {
    const found = addressProblem(host, address, mayBePrivate);
    if (problem === undefined) assert.equal(found, undefined, `${host} ${address}`);
    else assert.match(found ?? '', problem, `${host} ${address}`);
  }
});
