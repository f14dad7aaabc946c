// Writes the audit log: every change of the configuration in the change's own transaction, and what others changed by SQL.
import type { Clock } from '../lib/clock.ts';
import type { AuditRow, ConfigurationRows, Storage } from '../storage/storage.ts';
import { auditedResources, changedRows, showKeyChange, type Shown } from './audited.ts';

/** Who made a change, and by what. */
export type Author = Pick<AuditRow, 'actor' | 'peer' | 'method' | 'path' | 'request_id'>;

/** What is changed. */
export interface Subject {
  /** The name of its list under /api/v1. */
  readonly resource: string;
  readonly id: string;
  /** How it is now; where not given, as `auditedResources` has it. */
  readonly show?: () => Promise<Shown | null>;
}

interface Change {
  readonly resource: string;
  readonly id: string | null;
  readonly before: Shown | null;
  readonly after: Shown | null;
}

/** How far everything is told. */
interface Told {
  /** The number of the look at the database that found this. */
  readonly look: number;
  readonly rows: ConfigurationRows;
  readonly keys: number;
}

/** The notes of how far the log tells of every change: of the configuration, and of the client keys. */
const auditedRevision = 'audited_revision';
const auditedKeyRevision = 'audited_key_revision';

/** So many client keys that were changed past the gateway are told one by one; more are told in one entry. */
const mostKeysTold = 1000;

const outside: Author = { actor: 'outside', peer: null, method: null, path: null, request_id: null };

/** The writer of the audit log. */
export class AuditTrail {
  readonly #storage: Storage;
  readonly #clock: Clock;
  /** The configuration, and the revision of the client keys, up to which everything is told. */
  #told: ConfigurationRows;
  #toldKeys: number;
  #looks = 0;
  /** The look that found it. */
  #toldLook = 0;

  private constructor(storage: Storage, clock: Clock, told: ConfigurationRows, toldKeys: number) {
    this.#storage = storage;
    this.#clock = clock;
    this.#told = told;
    this.#toldKeys = toldKeys;
  }

  /** Goes on with the log of this database; a change since it was last written is noted. */
  static async open(storage: Storage, clock: Clock): Promise<AuditTrail> {
    const rows = await storage.readConfiguration();
    const keys = await storage.clientKeys.latestRevision();
    const told = await storage.keepNote(auditedRevision, String(rows.revision));
    const toldKeys = await storage.keepNote(auditedKeyRevision, String(keys));
    const trail = new AuditTrail(storage, clock, rows, keys);
    if (told !== String(rows.revision) || toldKeys !== String(keys)) await trail.#note();
    return trail;
  }

  /** Runs `write` and notes what it did to the subject: both happen, or neither. */
  async run<Result>(author: Author, subject: Subject, write: () => Promise<Result>): Promise<Result> {
    const { resource, id } = subject;
    const show = subject.show ?? (async () => (await auditedResources[resource]?.find(this.#storage, id)) ?? null);
    const { result, told } = await this.#storage.transaction(async () => {
      await this.#catchUp();
      const before = await show();
      const written = await write();
      await this.#storage.audit.add(this.#entry(author, { resource, id, before, after: await show() }));
      const now = await this.#now();
      await this.#storage.writeNote(auditedRevision, String(now.rows.revision));
      await this.#storage.writeNote(auditedKeyRevision, String(now.keys));
      return { result: written, told: now };
    });
    this.#take(told);
    return result;
  }

  /** Notes what was changed past the gateway, where the configuration's `revision` says that something was. */
  async noteOutside(revision: number): Promise<void> {
    if (revision !== this.#told.revision) await this.#note();
  }

  /** The same for the client keys. */
  async noteOutsideKeys(revision: number): Promise<void> {
    if (revision !== this.#toldKeys) await this.#note();
  }

  async #note(): Promise<void> {
    this.#take(await this.#catchUp());
  }

  async #now(): Promise<Told> {
    this.#looks += 1;
    return {
      look: this.#looks,
      rows: await this.#storage.readConfiguration(),
      keys: await this.#storage.clientKeys.latestRevision(),
    };
  }

  /** Tells of what is not told yet; of several gateways one does. */
  async #catchUp(): Promise<Told> {
    // In this order: what is told between the two looks moves a note on, and then this one tells nothing.
    const audited = Number(await this.#storage.readNote(auditedRevision));
    const auditedKeys = Number(await this.#storage.readNote(auditedKeyRevision));
    const now = await this.#now();
    const { rows, keys } = now;
    const changes = [
      ...(audited === rows.revision ? [] : this.#changesOf(audited, rows)),
      ...(auditedKeys === keys ? [] : await this.#changesOfKeys(auditedKeys, keys)),
    ];
    if (changes.length === 0) return now;
    await this.#storage.audit.addAll(
      changes.map((change) => this.#entry(outside, change)),
      [
        { name: auditedRevision, before: String(audited), after: String(rows.revision) },
        { name: auditedKeyRevision, before: String(auditedKeys), after: String(keys) },
      ],
    );
    return now;
  }

  #changesOf(audited: number, rows: ConfigurationRows): Change[] {
    const changes = audited === this.#told.revision ? changedRows(this.#told, rows) : [];
    // What it was nobody can tell: the gateway was not running, or it was taken back.
    return changes.length > 0 ? changes : [revisions('configuration', audited, rows.revision)];
  }

  async #changesOfKeys(audited: number, revision: number): Promise<Change[]> {
    const changes = await this.#storage.clientKeys.changesAfter(audited, mostKeysTold + 1);
    if (changes.length > mostKeysTold || changes.length === 0) return [revisions('keys', audited, revision)];
    const told: Change[] = [];
    for (const change of changes) {
      const { id } = change;
      const [last] = await this.#storage.audit.list({ resource: 'keys', resourceId: id }, 1);
      told.push({ resource: 'keys', id, before: last?.after ?? null, after: showKeyChange(change) });
    }
    return told;
  }

  #entry(author: Author, { resource, id, before, after }: Change): Omit<AuditRow, 'id'> {
    const createdAt = new Date(this.#clock.nowMs()).toISOString();
    return { ...author, created_at: createdAt, resource, resource_id: id, before, after };
  }

  /** Two looks may overtake each other on the way back from the database; a later one finds less where a backup was put back. */
  #take({ look, rows, keys }: Told): void {
    const isLater = look > this.#toldLook;
    if (isLater) this.#toldLook = look;
    if (isLater || rows.revision >= this.#told.revision) this.#told = rows;
    if (isLater || keys >= this.#toldKeys) this.#toldKeys = keys;
  }
}

function revisions(resource: string, before: number, after: number): Change {
  return { resource, id: null, before: { revision: before }, after: { revision: after } };
}
