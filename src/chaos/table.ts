// THE TABLE of scenarios: every failure that chaos plays, in the order in which it tells of them.
import type { Scenario } from './scenario.ts';
import { disconnectScenarios } from './scenarios/disconnects.ts';
import { manyRequestScenarios } from './scenarios/many-requests.ts';
import { oneRequestScenarios } from './scenarios/one-request.ts';

export const scenarios: readonly Scenario[] = [...oneRequestScenarios, ...manyRequestScenarios, ...disconnectScenarios];
