// What the data set of prices does not hold: service tiers, fine-tuned models, audio of the preview models, a few names.

/**
 * Prices per tier, in the form of the table that is made (`model tiers from input cached written output …`, USD per
 * million tokens). They were read from OpenAI's pricing pages as public price tables copied them in summer 2026; there is
 * no factor that holds for all models. A price begins where the standard price that it belongs to begins.
 *
 * Long context: OpenAI lists no price for it in the tier `priority`, so none is known.
 * gpt-5.5 in `priority` is 2.5 times the standard price, where gpt-5.2 to gpt-5.4 and gpt-5.6 have twice.
 * gpt-5.6 kept twice the standard price through its cuts. For gpt-6 no price in `priority` is known.
 */
export const tierPrices = `
gpt-4.1             priority  -           3.5   0.875  -     14
gpt-4.1-mini        priority  -           0.7   0.175  -     2.8
gpt-4.1-nano        priority  -           0.2   0.05   -     0.8
gpt-4o              priority  -           4.25  2.125  -     17
gpt-4o-2024-05-13   priority  -           8.75  -      -     26.25
gpt-4o-mini         priority  -           0.25  0.125  -     1
gpt-5               priority  -           2.5   0.25   -     20
gpt-5-mini          priority  -           0.45  0.045  -     3.6
gpt-5.1             priority  -           2.5   0.25   -     20
gpt-5.1-codex-mini  priority  -           0.45  0.045  -     3.6
gpt-5.2             priority  -           3.5   0.35   -     28
gpt-5.3             priority  -           3.5   0.35   -     28
gpt-5.3-codex       priority  -           3.5   0.35   -     28
gpt-5.4             priority  -           5     0.5    -     30    - - > 271999 - - - -
gpt-5.4-mini        priority  -           1.5   0.15   -     9
gpt-5.5             priority  -           12.5  1.25   -     75    - - > 271999 - - - -
gpt-5.6-sol         priority  -           10    1      12.5  60    - - > 271999 - - - -
gpt-5.6-sol         priority  2026-08-21  8     0.8    10    40    - - > 271999 - - - -
gpt-5.6-terra       priority  -           5     0.5    6.25  30    - - > 271999 - - - -
gpt-5.6-terra       priority  2026-07-30  4     0.4    5     24    - - > 271999 - - - -
gpt-5.6-luna        priority  -           2     0.2    2.5   12    - - > 271999 - - - -
gpt-5.6-luna        priority  2026-07-30  0.4   0.04   0.5   2.4   - - > 271999 - - - -
o3                  priority  2025-06-10  3.5   0.875  -     14
o4-mini             priority  -           2     0.5    -     8
`;

/** Fine-tuned models: they cost otherwise than the models they were made from, and have no tier but `batch`. */
export const fineTunedPrices = `
ft:babbage-002    default  -  1.6   -      -  1.6
ft:davinci-002    default  -  12    -      -  12
ft:gpt-3.5-turbo  default  -  3     -      -  6
ft:gpt-3.5-turbo  batch    -  1.5   -      -  3
ft:gpt-4.1        default  -  3     0.75   -  12
ft:gpt-4.1        batch    -  1.5   -      -  6
ft:gpt-4.1-mini   default  -  0.8   0.2    -  3.2
ft:gpt-4.1-mini   batch    -  0.4   -      -  1.6
ft:gpt-4.1-nano   default  -  0.2   0.05   -  0.8
ft:gpt-4.1-nano   batch    -  0.1   -      -  0.4
ft:gpt-4o         default  -  3.75  1.875  -  15
ft:gpt-4o         batch    -  1.875 -      -  7.5
ft:gpt-4o-mini    default  -  0.3   0.15   -  1.2
ft:gpt-4o-mini    batch    -  0.15  -      -  0.6
ft:o4-mini        default  -  4     1      -  16
ft:o4-mini        batch    -  2     -      -  8
`;

/** Models that the data set lacks or has without their audio prices: their lines replace the data set's. */
export const otherPrices = `
babbage-002                default     -  0.4   -  -  0.4
babbage-002                flex,batch  -  0.2   -  -  0.2
davinci-002                default     -  2     -  -  2
davinci-002                flex,batch  -  1     -  -  1
gpt-4o-audio-preview       default     -  2.5   -  -  10   40  80
gpt-4o-mini-audio-preview  default     -  0.15  -  -  0.6  10  20
`;

/** Halves that OpenAI lists rounded: model and the listed price of its cached input in the tiers flex and batch. */
export const listedHalves: Readonly<Record<string, { readonly cached: string }>> = { 'gpt-5.4': { cached: '0.13' } };

/** Names that the data set matches by their beginning, or not at all → the name that their price stands under. */
export const otherNames: Readonly<Record<string, string>> = {
  'computer-use-preview': 'computer-use',
  'ft:gpt-3.5-turbo-0125': 'ft:gpt-3.5-turbo',
  'ft:gpt-3.5-turbo-0613': 'ft:gpt-3.5-turbo',
  'ft:gpt-3.5-turbo-1106': 'ft:gpt-3.5-turbo',
};

/** Models of the data set that are left out, and why. */
export const leftOut: readonly (readonly [name: RegExp, reason: string])[] = [
  [/^(?:ada|babbage|curie|davinci|text-davinci-00\d)$/u, 'switched off by OpenAI'],
  [/oss|^gpt-chat-latest$|:extended$|\.ft-$/u, "another host's model, name or price"],
  [/image|realtime|transcribe|tts|whisper|moderation/u, 'for endpoints that the gateway does not carry'],
  [/^ft:/u, 'here with its cached input'],
];

/** Models whose price in the tiers flex and batch is not half the standard price, or not known. */
export const withoutHalves = /audio|^chatgpt-|search-preview/u;
