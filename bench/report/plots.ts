// A plot for people: one row a subject, the median as a dot, least to greatest as a line. SVG for light and dark pages.
import type { Spread } from '../lib/statistics.ts';

/** A row of a plot. */
export interface PlotRow {
  readonly name: string;
  readonly spread: Spread;
  /** As it stands beside the dot. */
  readonly text: string;
  /** The project's own rows stand out. */
  readonly isOwn: boolean;
}

const widthPx = 760;
const rowPx = 30;
const topPx = 44;
const bottomPx = 30;
const labelPx = 150;
const valuePx = 190;
/** Where the greatest value is this many times the least, the scale is a logarithm's: else the small ones would vanish. */
const logFrom = 15;

const style = `
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .note { font-size: 11px; fill: #57606a; }
  .grid { stroke: #d0d7de; }
  .range { stroke: #8c959f; stroke-width: 5; stroke-linecap: round; opacity: 0.5; }
  .own { fill: #0969da; stroke: #0969da; }
  .peer { fill: #6e7781; stroke: #6e7781; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .own { fill: #58a6ff; stroke: #58a6ff; }
    .peer { fill: #9198a1; stroke: #9198a1; }
  }`;

/** Where the plot of a metric lies, seen from docs/. */
export function plotFile(metric: string): string {
  return `performance/${metric.replaceAll('_', '-')}.svg`;
}

/** The plot as a file's text. Rows stand in the order of their medians. */
export function plotSvg(title: string, rows: readonly PlotRow[]): string {
  const sorted = rows.toSorted((a, b) => a.spread.median - b.spread.median);
  const scale = scaleOf(sorted.map(({ spread }) => spread));
  const heightPx = topPx + sorted.length * rowPx + bottomPx;
  const grid = scale.marks.map(
    (mark) =>
      `  <line class="grid" x1="${px(scale.at(mark))}" x2="${px(scale.at(mark))}" y1="${topPx - 8}" y2="${heightPx - bottomPx}"/>
  <text class="note" text-anchor="middle" x="${px(scale.at(mark))}" y="${heightPx - bottomPx + 16}">${markText(mark)}</text>`,
  );
  const lines = sorted.map(({ name, spread, text, isOwn }, i) => {
    const y = topPx + i * rowPx + rowPx / 2;
    return `  <text text-anchor="end" x="${labelPx - 10}" y="${y + 4}">${escaped(name)}</text>
  <line class="range" x1="${px(scale.at(spread.min))}" x2="${px(scale.at(spread.max))}" y1="${y}" y2="${y}"/>
  <circle class="${isOwn ? 'own' : 'peer'}" cx="${px(scale.at(spread.median))}" cy="${y}" r="6"/>
  <text x="${widthPx - valuePx + 16}" y="${y + 4}">${escaped(text)}</text>`;
  });
  const note = `less is better${scale.isLog ? '; logarithmic scale' : ''}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${widthPx}" height="${heightPx}" viewBox="0 0 ${widthPx} ${heightPx}" role="img" aria-label="${escaped(title)}">
  <style>${style}
  </style>
  <text class="title" x="10" y="22">${escaped(title)}</text>
  <text class="note" text-anchor="end" x="${widthPx - 10}" y="22">${note}</text>
${[...grid, ...lines].join('\n')}
</svg>
`;
}

interface Scale {
  readonly isLog: boolean;
  readonly marks: readonly number[];
  at(value: number): number;
}

function scaleOf(spreads: readonly Spread[]): Scale {
  const least = Math.min(...spreads.map(({ min }) => min));
  const greatest = Math.max(...spreads.map(({ max }) => max));
  const spanPx = widthPx - valuePx - labelPx;
  if (least > 0 && greatest / least > logFrom) {
    const from = Math.floor(Math.log10(least));
    const to = Math.ceil(Math.log10(greatest));
    const marks = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
    return { isLog: true, marks, at: (value) => labelPx + (spanPx * (Math.log10(value) - from)) / (to - from) };
  }
  const from = Math.min(0, least);
  const span = Math.max(greatest - from, Number.EPSILON);
  const step = 10 ** Math.floor(Math.log10(span));
  const marks: number[] = [];
  const wide = span / step > 5 ? 2 * step : step;
  for (let mark = Math.ceil(from / wide) * wide; mark <= from + span; mark += wide) marks.push(mark);
  return { isLog: false, marks, at: (value) => labelPx + (spanPx * (value - from)) / span };
}

function px(value: number): string {
  return value.toFixed(1);
}

function markText(mark: number): string {
  return mark.toLocaleString('en-US', { maximumFractionDigits: 3 });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
