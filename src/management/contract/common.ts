// What all resources of the management API have in common: the error form, pages, ids.
import { z } from '@hono/zod-openapi';
import { readUsd } from '../../core/money.ts';

/** OpenAI's error form, for every answer that is not a success. */
const errorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string().describe('What happened and what to do, in one sentence.'),
      type: z.string().describe("OpenAI's class of error."),
      param: z.string().nullable().describe('The field at fault, as a dotted path.'),
      code: z.string().describe('The kind of error: a row of docs/errors.md.'),
    }),
  })
  .openapi('Error');

/** A text of one line's length that says something. (No `u` flag: the OpenAPI generator would write it into the pattern.) */
export function shortText(longest: number): z.ZodString {
  return z.string().min(1).max(longest).regex(/\S/, 'must not be blank');
}

/** An id in the path. */
export const idParameter = z.object({ id: z.string().describe('The id of the resource.') });

/** A resource's time of something. */
export const timeSchema = z.string().meta({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' });

/** Largest page of a list. */
const longestPage = 1000;

/** The query of a list. */
export const pageQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d+$/, `must be a whole number from 1 to ${longestPage}`)
    .transform(Number)
    .pipe(z.number().min(1).max(longestPage))
    .default(100)
    .openapi({
      type: 'integer',
      minimum: 1,
      maximum: longestPage,
      default: 100,
      description: 'How many to answer with.',
    }),
  cursor: z.string().describe('`next_cursor` of the page before.').optional(),
});

/** A page of a list. */
export function pageOf<Item extends z.ZodType>(
  name: string,
  item: Item,
): z.ZodObject<{ data: z.ZodArray<Item>; next_cursor: z.ZodNullable<z.ZodString> }> {
  return z
    .object({
      data: z.array(item),
      next_cursor: z.string().nullable().describe('`cursor` of the next page; null on the last.'),
    })
    .openapi(name);
}

/** A type and not an interface: only those fit where any media type may stand. */
type JsonContent<Body extends z.ZodType> = { 'application/json': { schema: Body } };

/** A JSON answer in the description of a route. */
export function answer<Body extends z.ZodType>(
  schema: Body,
  description: string,
): { description: string; content: JsonContent<Body> } {
  return { description, content: { 'application/json': { schema } } };
}

/** A JSON body in the description of a route. */
export function requestBody<Body extends z.ZodType>(schema: Body): { required: true; content: JsonContent<Body> } {
  return { required: true, content: { 'application/json': { schema } } };
}

/** The answer that every route may give instead. */
export const failure = answer(errorSchema, 'An error: `error.code` says which, `error.param` which field.');

/** An amount in a request, read into nano-dollars: a decimal text, or a number. */
export const usdAmount = z
  .custom<string | number>(
    (value) => typeof value === 'string' || typeof value === 'number',
    'must be an amount in US dollars, such as "2.50"',
  )
  .transform((value, context) => {
    const reading = readUsd(value);
    if ('nanoUsd' in reading) return reading.nanoUsd;
    context.issues.push({ code: 'custom', message: reading.problem, input: value });
    return z.NEVER;
  })
  .openapi({ type: ['string', 'number'], example: '2.50' });
