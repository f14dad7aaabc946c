// Changes of the configuration: one at a time, noted in the audit log, logged, and in force before they are answered.
import type { Context } from 'hono';
import { GatewayError } from '../core/errors.ts';
import { ConflictError, StorageError, type ResourceStore } from '../storage/storage.ts';
import type { Author } from './audit-trail.ts';
import type { Env, ManagementParts } from './parts.ts';

type ChangeParts = Pick<ManagementParts, 'configuration' | 'clientKeys' | 'log' | 'trail' | 'settings'>;

/** Makes changes one after the other, so that what one has checked still holds when it writes. */
export class Changes {
  readonly #parts: ChangeParts;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: ChangeParts) {
    this.#parts = parts;
  }

  /**
   * Runs `write` when those before it are done, in one transaction with its entry in the audit log, and takes the change
   * over. What is changed is the resource that the request's path names.
   */
  run<T>(context: Context<Env>, resourceId: string, write: () => Promise<T>): Promise<T> {
    const { trail, log, configuration, clientKeys } = this.#parts;
    const { method, path } = context.req;
    const change = this.#turn.then(async () => {
      const subject = { resource: resourceOf(path), id: resourceId };
      const result = await trail.run(this.#authorOf(context), subject, write);
      log.info({ request_id: context.get('requestId'), method, path, resource_id: resourceId }, 'management change');
      await Promise.all([configuration.reload(), clientKeys.reload()]).catch((error: unknown) =>
        this.#onLate(context, error),
      );
      return result;
    });
    this.#turn = change.catch(() => undefined);
    return change;
  }

  /** An error would say that nothing was done, and a new client key would be lost with it: the watches read it later. */
  #onLate(context: Context<Env>, error: unknown): void {
    if (!(error instanceof StorageError)) throw error;
    const { method, path } = context.req;
    const fields = { request_id: context.get('requestId'), method, path, err: error };
    this.#parts.log.warn(fields, 'the change is made, and in force here when the database answers again');
  }

  #authorOf(context: Context<Env>): Author {
    const { method, path } = context.req;
    return {
      actor: this.#parts.settings.ADMIN_TOKEN === undefined ? 'local_caller' : 'admin_token',
      peer: context.env.call.peerAddress ?? null,
      method,
      path,
      request_id: context.get('requestId'),
    };
  }
}

/** `/api/v1/accounts/acc_1/drain` → `accounts`. */
function resourceOf(path: string): string {
  return path.split('/')[3] ?? '';
}

/** The error for a resource that is not there. */
export function missing(kind: string): GatewayError {
  return new GatewayError('not_found', `There is no such ${kind}.`);
}

/** The row of this id; throws where there is none. */
export async function existing<Row extends { readonly id: string }>(
  store: ResourceStore<Row>,
  kind: string,
  id: string,
): Promise<Row> {
  const row = await store.get(id);
  if (row === undefined) throw missing(kind);
  return row;
}

/** Inserts a row whose id must be free. */
export async function insertNew<Row extends { readonly id: string }>(
  store: ResourceStore<Row>,
  kind: string,
  row: Row,
): Promise<void> {
  const taken = new GatewayError('conflict', `There is ${kind} of this id already; change it with PATCH.`, {
    param: 'id',
  });
  if ((await store.get(row.id)) !== undefined) throw taken;
  try {
    await store.insert(row);
  } catch (error) {
    // Another program may have been faster.
    if (error instanceof ConflictError && (await store.get(row.id)) !== undefined) throw taken;
    throw error;
  }
}

/** An id may be repeated in a change, not changed. */
export function checkSameId(given: string | undefined, id: string): void {
  if (given === undefined || given === id) return;
  throw new GatewayError('invalid_request', 'id cannot be changed; create a new resource instead.', { param: 'id' });
}
