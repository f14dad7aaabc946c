// Tests which accounts an admin key speaks for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../core/secret.ts';
import { organizationsOf, type KnownAccount } from './organizations.ts';

const account = (id: string, key: string | undefined, ...organizations: string[]): KnownAccount => ({
  id,
  adminKey: key === undefined ? undefined : new Secret(key),
  organizations,
});

const rows: readonly {
  readonly name: string;
  readonly accounts: readonly KnownAccount[];
  readonly groups: readonly (readonly string[])[];
  readonly others: readonly string[];
}[] = [
  { name: 'no key', accounts: [account('a', undefined)], groups: [], others: ['a'] },
  {
    name: 'a key speaks for its own account alone where no organization is known',
    accounts: [account('a', 'k'), account('b', undefined)],
    groups: [['a']],
    others: ['b'],
  },
  {
    name: 'and for all of its organization, under any of its names',
    accounts: [account('a', undefined, 'slug'), account('b', 'k', 'org-1', 'slug'), account('c', undefined, 'org-2')],
    groups: [['b', 'a']],
    others: ['c'],
  },
  {
    name: 'the same key twice is one',
    accounts: [account('a', 'k'), account('b', 'k')],
    groups: [['a', 'b']],
    others: [],
  },
  {
    name: 'two keys of one organization are one',
    accounts: [account('a', 'k', 'org-1'), account('b', 'l', 'org-1')],
    groups: [['a', 'b']],
    others: [],
  },
  {
    name: 'two organizations are two',
    accounts: [account('a', 'k', 'org-1'), account('b', 'l', 'org-2'), account('c', undefined, 'org-2')],
    groups: [['a'], ['b', 'c']],
    others: [],
  },
];

test('accounts are put to the key that speaks for them', () => {
  for (const { name, accounts, groups, others } of rows) {
    const found = organizationsOf(accounts);
    assert.deepEqual(
      [found.organizations.map((organization) => organization.accounts), found.others],
      [groups, others],
      name,
    );
  }
});
