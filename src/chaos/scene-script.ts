// The script of the fake OpenAI that plays a provider in a scene: two keys, and who has the fault.
import type { FaultSetting, MockScript, ModelScript } from '../mock/script.ts';
import type { SceneStop } from './scene-rows.ts';
import type { Scene } from './scene.ts';

/** The keys of the two accounts that every provider gets. */
export const fakeKeys = { faulty: 'sk-chaos-faulty-000000001', healthy: 'sk-chaos-healthy-00000001' } as const;

/** The script for one provider of the scene. */
export function sceneScript(scene: Scene, stops: readonly SceneStop[], isPrimary: boolean): MockScript {
  const { fault, afflicts = 'one account', answer } = scene;
  const shown = (isFaulty: boolean): { fault?: FaultSetting } => (isFaulty && fault !== undefined ? { fault } : {});
  const models: Record<string, ModelScript> = {};
  for (const { model } of stops) models[model] = {};
  const [own] = stops;
  if (own !== undefined && isPrimary) models[own.model] = shown(afflicts === 'the model');
  return {
    ...answer,
    models,
    keys: {
      [fakeKeys.faulty]: { label: 'faulty', ...shown(afflicts !== 'the model') },
      [fakeKeys.healthy]: { label: 'healthy', ...shown(afflicts === 'every account') },
    },
  };
}
