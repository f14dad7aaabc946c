// The scene of a scenario: how the client asks, what is wrong with the upstream, and what the gateway is set to.
import type { SettingName } from '../core/settings.ts';
import type { FaultSetting } from '../mock/script.ts';

/** How the client asks: for a stream, or for an answer in one piece. */
export type Mode = 'streamed' | 'whole';

export const bothModes: readonly Mode[] = ['streamed', 'whole'];

/** What is wrong, and what the gateway is to do with it. */
export interface Scene {
  readonly fault?: FaultSetting;
  /** Who has the fault: the account that is asked first (the default), every account of every provider, or one model at the route's own provider. */
  readonly afflicts?: 'one account' | 'every account' | 'the model';
  /** The route's fallbacks: as they are (the default), none, or one at another provider, made up where the route has none. */
  readonly fallbacks?: 'as configured' | 'none' | 'another provider';
  /** What stands at the address of the route's own provider, where that is no fake OpenAI. */
  readonly primary?: 'refuses connections' | 'never shakes hands';
  readonly settings?: Partial<Record<SettingName, string>>;
  /** Calls that each account takes at once. */
  readonly maxConcurrency?: number;
  /** Content chunks of every answer, and the wait between them; without them the answer repeats the question. */
  readonly answer?: { readonly chunks: number; readonly chunk_delay_ms: number };
}
