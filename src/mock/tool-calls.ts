// The tool calls that a chat answer makes, with arguments made from the tool's schema.
import { isObject, listOf, objectOf, textOf, type JsonObject } from './json.ts';
import { sampleOf } from './sample.ts';
import { countTokens, splitTokens } from './tokens.ts';

/** A function that the answer calls; `arguments` is JSON text. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/**
 * The calls of an answer: none without function tools, with `tool_choice: "none"`, or right after a tool's result; the named
 * function; every function if the last user message says "every tool"; else the first function.
 */
export function toolCallsFor(body: JsonObject, lastUserText: string, id: string): readonly ToolCall[] {
  const functions = listOf(body['tools'])
    .filter((tool) => isObject(tool) && tool['type'] === 'function')
    .map((tool) => objectOf(objectOf(tool)['function']));
  const choice = body['tool_choice'];
  const named = textOf(objectOf(objectOf(choice)['function'])['name']);
  const isAfterResult = objectOf(listOf(body['messages']).at(-1))['role'] === 'tool';
  if (choice === 'none' || (isAfterResult && choice !== 'required' && named === undefined)) return [];
  const wanted = named === undefined ? functions : functions.filter((one) => one['name'] === named);
  const chosen = /\bevery tool\b/i.test(lastUserText) ? wanted : wanted.slice(0, 1);
  return chosen.map((one, index) => ({
    id: `call_${id.slice(0, 22)}${index.toString().padStart(2, '0')}`,
    name: textOf(one['name']) ?? 'function',
    arguments: JSON.stringify(sampleOf(one['parameters'])),
  }));
}

/** The argument text as it is streamed, one token a piece. */
export function argumentPieces(call: ToolCall): readonly string[] {
  return splitTokens(call.arguments);
}

/** Tokens of a call: its name, then its arguments. */
export function callTokens(call: ToolCall): { readonly name: number; readonly all: number } {
  const name = countTokens(call.name);
  return { name, all: name + argumentPieces(call).length };
}
