// The words in an answer that came in one piece, or in the beginning of one that was cut.
import { listOf, membersOf, parsed, textsOf } from './json.ts';

/** Members that hold what the model said, as they stand in an answer. */
const spoken = /"(?:content|text|refusal|reasoning_content|name|arguments)"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)/gsu;

/** The texts of all choices. An answer without choices has none: vectors are no words. */
export function readAnswer(body: string): readonly string[] {
  const answer = parsed(body);
  if (answer !== undefined) return listOf(membersOf(answer)['choices']).flatMap(choice);
  const start = body.indexOf('"choices"');
  if (start === -1) return [];
  return [...body.slice(start).matchAll(spoken)].map(([, raw = '']) => unescaped(raw));
}

/** The inside of a JSON string; as it stands where it was cut inside an escape. */
function unescaped(raw: string): string {
  const text = parsed(`"${raw}"`);
  return typeof text === 'string' ? text : raw;
}

function choice(value: unknown): string[] {
  const { text, message } = membersOf(value);
  const { content, refusal, reasoning_content: reasoning, tool_calls: calls, function_call: call } = membersOf(message);
  const called = [...listOf(calls).flatMap((one) => [membersOf(one)['function'], membersOf(one)['custom']]), call];
  return [
    ...textsOf(text, content, refusal, reasoning),
    ...called.map(membersOf).flatMap((one) => textsOf(one['name'], one['arguments'], one['input'])),
  ];
}
