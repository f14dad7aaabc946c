// OpenAI's list prices as text tables, made by `npm run prices`. Do not edit: change price-list/overlay.ts.
// From @pydantic/genai-prices (MIT licence, Pydantic Services Inc.) and the overlay beside the script.

/** The day up to which the prices are known to be right. */
export const asOf = '2026-09-23';

/** `model tiers from input cached written output audio-input audio-output [> tokens input cached written output]`, in USD per million tokens. */
export const priceTable = `
chatgpt-4o-latest         default    -          5     -      -      15    -  -
codex-mini                default    -          1.5   0.375  -      6     -  -
codex-mini                flex,batch -          0.75  0.1875 -      3     -  -
computer-use              default    -          3     -      -      12    -  -
computer-use              flex,batch -          1.5   -      -      6     -  -
gpt-3.5-0301              default    -          1.5   -      -      2     -  -
gpt-3.5-0301              flex,batch -          0.75  -      -      1     -  -
gpt-3.5-turbo             default    -          0.5   -      -      1.5   -  -
gpt-3.5-turbo             flex,batch -          0.25  -      -      0.75  -  -
gpt-3.5-turbo-0613        default    -          1.5   -      -      2     -  -
gpt-3.5-turbo-0613        flex,batch -          0.75  -      -      1     -  -
gpt-3.5-turbo-1106        default    -          1     -      -      2     -  -
gpt-3.5-turbo-1106        flex,batch -          0.5   -      -      1     -  -
gpt-3.5-turbo-16k         default    -          3     -      -      4     -  -
gpt-3.5-turbo-16k         flex,batch -          1.5   -      -      2     -  -
gpt-3.5-turbo-instruct    default    -          1.5   -      -      2     -  -
gpt-3.5-turbo-instruct    flex,batch -          0.75  -      -      1     -  -
gpt-4                     default    -          30    -      -      60    -  -
gpt-4                     flex,batch -          15    -      -      30    -  -
gpt-4-32k                 default    -          60    -      -      120   -  -
gpt-4-32k                 flex,batch -          30    -      -      60    -  -
gpt-4-turbo               default    -          10    -      -      30    -  -
gpt-4-turbo               flex,batch -          5     -      -      15    -  -
gpt-4-vision-preview      default    -          10    -      -      30    -  -
gpt-4-vision-preview      flex,batch -          5     -      -      15    -  -
gpt-4.1                   default    -          2     0.5    -      8     -  -
gpt-4.1                   flex,batch -          1     0.25   -      4     -  -
gpt-4.1-mini              default    -          0.4   0.1    -      1.6   -  -
gpt-4.1-mini              flex,batch -          0.2   0.05   -      0.8   -  -
gpt-4.1-nano              default    -          0.1   0.025  -      0.4   -  -
gpt-4.1-nano              flex,batch -          0.05  0.0125 -      0.2   -  -
gpt-4.5-preview           default    -          75    37.5   -      150   -  -
gpt-4.5-preview           flex,batch -          37.5  18.75  -      75    -  -
gpt-4o                    default    -          2.5   1.25   -      10    -  -
gpt-4o                    flex,batch -          1.25  0.625  -      5     -  -
gpt-4o-2024-05-13         default    -          5     -      -      15    -  -
gpt-4o-2024-05-13         flex,batch -          2.5   -      -      7.5   -  -
gpt-4o-mini               default    -          0.15  0.075  -      0.6   -  -
gpt-4o-mini               flex,batch -          0.075 0.0375 -      0.3   -  -
gpt-4o-search-preview     default    -          2.5   -      -      10    -  -
gpt-5                     default    -          1.25  0.125  -      10    -  -
gpt-5                     flex,batch -          0.625 0.0625 -      5     -  -
gpt-5-mini                default    -          0.25  0.025  -      2     -  -
gpt-5-mini                flex,batch -          0.125 0.0125 -      1     -  -
gpt-5-nano                default    -          0.05  0.005  -      0.4   -  -
gpt-5-nano                flex,batch -          0.025 0.0025 -      0.2   -  -
gpt-5-pro                 default    -          15    -      -      120   -  -
gpt-5-pro                 flex,batch -          7.5   -      -      60    -  -
gpt-5.1                   default    -          1.25  0.125  -      10    -  -
gpt-5.1                   flex,batch -          0.625 0.0625 -      5     -  -
gpt-5.1-codex-mini        default    -          0.25  0.025  -      2     -  -
gpt-5.1-codex-mini        flex,batch -          0.125 0.0125 -      1     -  -
gpt-5.2                   default    -          1.75  0.175  -      14    -  -
gpt-5.2                   flex,batch -          0.875 0.0875 -      7     -  -
gpt-5.2-pro               default    -          21    -      -      168   -  -
gpt-5.2-pro               flex,batch -          10.5  -      -      84    -  -
gpt-5.3                   default    -          1.75  0.175  -      14    -  -
gpt-5.3                   flex,batch -          0.875 0.0875 -      7     -  -
gpt-5.3-codex             default    -          1.75  0.175  -      14    -  -
gpt-5.3-codex             flex,batch -          0.875 0.0875 -      7     -  -
gpt-5.4                   default    -          2.5   0.25   -      15    -  -  > 271999 5   0.5  -     22.5
gpt-5.4                   flex,batch -          1.25  0.13   -      7.5   -  -  > 271999 2.5 0.25 -     11.25
gpt-5.4-mini              default    -          0.75  0.075  -      4.5   -  -
gpt-5.4-mini              flex,batch -          0.375 0.0375 -      2.25  -  -
gpt-5.4-nano              default    -          0.2   0.02   -      1.25  -  -
gpt-5.4-nano              flex,batch -          0.1   0.01   -      0.625 -  -
gpt-5.4-pro               default    -          30    -      -      180   -  -  > 271999 60  -    -     270
gpt-5.4-pro               flex,batch -          15    -      -      90    -  -  > 271999 30  -    -     135
gpt-5.5                   default    -          5     0.5    -      30    -  -  > 271999 10  1    -     45
gpt-5.5                   flex,batch -          2.5   0.25   -      15    -  -  > 271999 5   0.5  -     22.5
gpt-5.5-pro               default    -          30    -      -      180   -  -  > 271999 60  -    -     270
gpt-5.5-pro               flex,batch -          15    -      -      90    -  -  > 271999 30  -    -     135
gpt-5.6-luna              default    -          1     0.1    1.25   6     -  -  > 271999 2   0.2  2.5   9
gpt-5.6-luna              flex,batch -          0.5   0.05   0.625  3     -  -  > 271999 1   0.1  1.25  4.5
gpt-5.6-luna              default    2026-07-30 0.2   0.02   0.25   1.2   -  -  > 271999 0.4 0.04 0.5   1.8
gpt-5.6-luna              flex,batch 2026-07-30 0.1   0.01   0.125  0.6   -  -  > 271999 0.2 0.02 0.25  0.9
gpt-5.6-sol               default    -          5     0.5    6.25   30    -  -  > 271999 10  1    12.5  45
gpt-5.6-sol               flex,batch -          2.5   0.25   3.125  15    -  -  > 271999 5   0.5  6.25  22.5
gpt-5.6-sol               default    2026-08-21 4     0.4    5      20    -  -  > 271999 8   0.8  10    30
gpt-5.6-sol               flex,batch 2026-08-21 2     0.2    2.5    10    -  -  > 271999 4   0.4  5     15
gpt-5.6-terra             default    -          2.5   0.25   3.125  15    -  -  > 271999 5   0.5  6.25  22.5
gpt-5.6-terra             flex,batch -          1.25  0.125  1.5625 7.5   -  -  > 271999 2.5 0.25 3.125 11.25
gpt-5.6-terra             default    2026-07-30 2     0.2    2.5    12    -  -  > 271999 4   0.4  5     18
gpt-5.6-terra             flex,batch 2026-07-30 1     0.1    1.25   6     -  -  > 271999 2   0.2  2.5   9
gpt-6-astra               default    -          10    1      12.5   50    -  -  > 271999 20  2    25    75
gpt-6-astra               flex,batch -          5     0.5    6.25   25    -  -  > 271999 10  1    12.5  37.5
gpt-6-luna                default    -          0.1   0.01   0.125  0.5   -  -  > 272000 0.2 0.02 0.25  0.75
gpt-6-luna                flex,batch -          0.05  0.005  0.0625 0.25  -  -  > 272000 0.1 0.01 0.125 0.375
gpt-6-sol                 default    -          2     0.2    2.5    10    -  -  > 272000 4   0.4  5     15
gpt-6-sol                 flex,batch -          1     0.1    1.25   5     -  -  > 272000 2   0.2  2.5   7.5
gpt-audio                 default    -          2.5   -      -      10    32 64
gpt-audio-mini            default    -          0.6   -      -      2.4   10 20
o1                        default    -          15    7.5    -      60    -  -
o1                        flex,batch -          7.5   3.75   -      30    -  -
o1-mini                   default    -          1.1   0.55   -      4.4   -  -
o1-mini                   flex,batch -          0.55  0.275  -      2.2   -  -
o1-preview                default    -          15    7.5    -      60    -  -
o1-preview                flex,batch -          7.5   3.75   -      30    -  -
o1-pro                    default    -          150   -      -      600   -  -
o1-pro                    flex,batch -          75    -      -      300   -  -
o3                        default    -          10    0.5    -      40    -  -
o3                        flex,batch -          5     0.25   -      20    -  -
o3                        default    2025-06-10 2     0.5    -      8     -  -
o3                        flex,batch 2025-06-10 1     0.25   -      4     -  -
o3-deep-research          default    -          10    2.5    -      40    -  -
o3-deep-research          flex,batch -          5     1.25   -      20    -  -
o3-mini                   default    -          1.1   0.55   -      4.4   -  -
o3-mini                   flex,batch -          0.55  0.275  -      2.2   -  -
o3-pro                    default    -          20    -      -      80    -  -
o3-pro                    flex,batch -          10    -      -      40    -  -
o4-mini                   default    -          1.1   0.275  -      4.4   -  -
o4-mini                   flex,batch -          0.55  0.1375 -      2.2   -  -
o4-mini-deep-research     default    -          2     0.5    -      8     -  -
o4-mini-deep-research     flex,batch -          1     0.25   -      4     -  -
text-embedding-3-large    default    -          0.13  -      -      -     -  -
text-embedding-3-large    flex,batch -          0.065 -      -      -     -  -
text-embedding-3-small    default    -          0.02  -      -      -     -  -
text-embedding-3-small    flex,batch -          0.01  -      -      -     -  -
text-embedding-ada-002    default    -          0.1   -      -      -     -  -
text-embedding-ada-002    flex,batch -          0.05  -      -      -     -  -
gpt-4.1                   priority   -          3.5   0.875  -      14    -  -
gpt-4.1-mini              priority   -          0.7   0.175  -      2.8   -  -
gpt-4.1-nano              priority   -          0.2   0.05   -      0.8   -  -
gpt-4o                    priority   -          4.25  2.125  -      17    -  -
gpt-4o-2024-05-13         priority   -          8.75  -      -      26.25 -  -
gpt-4o-mini               priority   -          0.25  0.125  -      1     -  -
gpt-5                     priority   -          2.5   0.25   -      20    -  -
gpt-5-mini                priority   -          0.45  0.045  -      3.6   -  -
gpt-5.1                   priority   -          2.5   0.25   -      20    -  -
gpt-5.1-codex-mini        priority   -          0.45  0.045  -      3.6   -  -
gpt-5.2                   priority   -          3.5   0.35   -      28    -  -
gpt-5.3                   priority   -          3.5   0.35   -      28    -  -
gpt-5.3-codex             priority   -          3.5   0.35   -      28    -  -
gpt-5.4                   priority   -          5     0.5    -      30    -  -  > 271999 -   -    -     -
gpt-5.4-mini              priority   -          1.5   0.15   -      9     -  -
gpt-5.5                   priority   -          12.5  1.25   -      75    -  -  > 271999 -   -    -     -
gpt-5.6-sol               priority   -          10    1      12.5   60    -  -  > 271999 -   -    -     -
gpt-5.6-sol               priority   2026-08-21 8     0.8    10     40    -  -  > 271999 -   -    -     -
gpt-5.6-terra             priority   -          5     0.5    6.25   30    -  -  > 271999 -   -    -     -
gpt-5.6-terra             priority   2026-07-30 4     0.4    5      24    -  -  > 271999 -   -    -     -
gpt-5.6-luna              priority   -          2     0.2    2.5    12    -  -  > 271999 -   -    -     -
gpt-5.6-luna              priority   2026-07-30 0.4   0.04   0.5    2.4   -  -  > 271999 -   -    -     -
o3                        priority   2025-06-10 3.5   0.875  -      14    -  -
o4-mini                   priority   -          2     0.5    -      8     -  -
ft:babbage-002            default    -          1.6   -      -      1.6   -  -
ft:davinci-002            default    -          12    -      -      12    -  -
ft:gpt-3.5-turbo          default    -          3     -      -      6     -  -
ft:gpt-3.5-turbo          batch      -          1.5   -      -      3     -  -
ft:gpt-4.1                default    -          3     0.75   -      12    -  -
ft:gpt-4.1                batch      -          1.5   -      -      6     -  -
ft:gpt-4.1-mini           default    -          0.8   0.2    -      3.2   -  -
ft:gpt-4.1-mini           batch      -          0.4   -      -      1.6   -  -
ft:gpt-4.1-nano           default    -          0.2   0.05   -      0.8   -  -
ft:gpt-4.1-nano           batch      -          0.1   -      -      0.4   -  -
ft:gpt-4o                 default    -          3.75  1.875  -      15    -  -
ft:gpt-4o                 batch      -          1.875 -      -      7.5   -  -
ft:gpt-4o-mini            default    -          0.3   0.15   -      1.2   -  -
ft:gpt-4o-mini            batch      -          0.15  -      -      0.6   -  -
ft:o4-mini                default    -          4     1      -      16    -  -
ft:o4-mini                batch      -          2     -      -      8     -  -
babbage-002               default    -          0.4   -      -      0.4   -  -
babbage-002               flex,batch -          0.2   -      -      0.2   -  -
davinci-002               default    -          2     -      -      2     -  -
davinci-002               flex,batch -          1     -      -      1     -  -
gpt-4o-audio-preview      default    -          2.5   -      -      10    40 80
gpt-4o-mini-audio-preview default    -          0.15  -      -      0.6   10 20
`;

/** `name model`: the price of `name` stands under `model`. Names with a date at the end need no line. */
export const aliasTable = `
codex-mini-latest           codex-mini
computer-use-preview        computer-use
ft:gpt-3.5-turbo-0125       ft:gpt-3.5-turbo
ft:gpt-3.5-turbo-0613       ft:gpt-3.5-turbo
ft:gpt-3.5-turbo-1106       ft:gpt-3.5-turbo
gpt-3.5-turbo-0125          gpt-3.5-turbo
gpt-3.5-turbo-0301          gpt-3.5-0301
gpt-3.5-turbo-16k-0613      gpt-3.5-turbo-16k
gpt-3.5-turbo-instruct-0914 gpt-3.5-turbo-instruct
gpt-35-turbo                gpt-3.5-turbo
gpt-35-turbo-16k            gpt-3.5-turbo-16k
gpt-35-turbo-16k-0613       gpt-3.5-turbo-16k
gpt-4-0125-preview          gpt-4-turbo
gpt-4-0314                  gpt-4
gpt-4-0613                  gpt-4
gpt-4-1106-preview          gpt-4-turbo
gpt-4-1106-vision-preview   gpt-4-vision-preview
gpt-4-32k-0314              gpt-4-32k
gpt-4-32k-0613              gpt-4-32k
gpt-4-turbo-0125-preview    gpt-4-turbo
gpt-4-turbo-preview         gpt-4-turbo
gpt-4o-mini-search-preview  gpt-4o-mini
gpt-5-1                     gpt-5.1
gpt-5-1-chat                gpt-5.1
gpt-5-1-chat-latest         gpt-5.1
gpt-5-1-codex               gpt-5.1
gpt-5-1-codex-max           gpt-5.1
gpt-5-1-codex-mini          gpt-5.1-codex-mini
gpt-5-1-mini                gpt-5.1-codex-mini
gpt-5-2                     gpt-5.2
gpt-5-2-chat                gpt-5.2
gpt-5-2-chat-latest         gpt-5.2
gpt-5-2-codex               gpt-5.2
gpt-5-2-pro-2025-12-11      gpt-5.2-pro
gpt-5-3                     gpt-5.3
gpt-5-3-chat                gpt-5.3
gpt-5-3-chat-latest         gpt-5.3
gpt-5-3-codex               gpt-5.3-codex
gpt-5-4                     gpt-5.4
gpt-5-4-mini                gpt-5.4-mini
gpt-5-4-nano                gpt-5.4-nano
gpt-5-4-pro                 gpt-5.4-pro
gpt-5-5                     gpt-5.5
gpt-5-5-chat                gpt-5.5
gpt-5-5-chat-latest         gpt-5.5
gpt-5-5-codex               gpt-5.5
gpt-5-5-pro                 gpt-5.5-pro
gpt-5-6                     gpt-5.6-sol
gpt-5-6-luna                gpt-5.6-luna
gpt-5-6-sol                 gpt-5.6-sol
gpt-5-6-terra               gpt-5.6-terra
gpt-5-chat                  gpt-5
gpt-5-chat-latest           gpt-5
gpt-5-codex                 gpt-5
gpt-5.1-chat                gpt-5.1
gpt-5.1-chat-latest         gpt-5.1
gpt-5.1-codex               gpt-5.1
gpt-5.1-codex-max           gpt-5.1
gpt-5.1-mini                gpt-5.1-codex-mini
gpt-5.2-chat                gpt-5.2
gpt-5.2-chat-latest         gpt-5.2
gpt-5.2-codex               gpt-5.2
gpt-5.3-chat                gpt-5.3
gpt-5.3-chat-latest         gpt-5.3
gpt-5.5-chat                gpt-5.5
gpt-5.5-chat-latest         gpt-5.5
gpt-5.5-codex               gpt-5.5
gpt-5.6                     gpt-5.6-sol
gpt-audio-1.5               gpt-audio
o3-mini-high                o3-mini
o4-mini-high                o4-mini
text-embedding-ada          text-embedding-ada-002
text-embedding-ada-002-v2   text-embedding-ada-002
`;
