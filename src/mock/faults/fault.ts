// What a fault is: a function from a request's healthy answer to the answer that goes out.
import type { JsonObject } from '../json.ts';
import type { Reply } from '../reply.ts';

/** What a fault may know of the request, and its way to the healthy answer. */
export interface Scene {
  readonly model: string;
  readonly organization: string;
  /** The key as sent. Only the fault that echoes it uses it. */
  readonly key: string;
  readonly path: string;
  readonly isStream: boolean;
  /** The connection has carried a request before. */
  readonly isReused: boolean;
  readonly nowMs: number;
  /** The answer without the fault (limits count); `showUsage` changes its usage object or, with undefined, leaves it out. */
  healthy(showUsage?: (usage: JsonObject) => unknown): Reply;
}

/** The number after `@` in a fault's name. */
export interface FaultParameter {
  readonly meaning: string;
  readonly byDefault: number;
}

/** One row of the table. */
export interface Fault {
  /** A sentence for `GET /__faults`. */
  readonly about: string;
  readonly parameter?: FaultParameter;
  readonly reply: (scene: Scene, parameter: number) => Reply;
}

/** A fault that changes a good answer; a refusal (bad body, limit reached) goes out as it is. */
export function changing(change: (reply: Reply, parameter: number, scene: Scene) => Reply): Fault['reply'] {
  return (scene, parameter) => {
    const reply = scene.healthy();
    return reply.status === 200 ? change(reply, parameter, scene) : reply;
  };
}
