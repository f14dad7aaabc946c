// The parts of prom-client that are used, one by one: its entrance loads node:http and OpenTelemetry for others, 7 MiB.
import { createRequire } from 'node:module';
import type * as entrance from 'prom-client';

const load = createRequire(import.meta.url);
const part = (name: string): unknown => load(`prom-client/lib/${name}.js`);

export const Counter = part('counter') as typeof entrance.Counter;
export const Gauge = part('gauge') as typeof entrance.Gauge;
export const Registry = part('registry') as typeof entrance.Registry;

type Collect = (register: entrance.Registry, options: { readonly eventLoopMonitoringPrecision: number }) => void;

/** What is told of every Node.js process, but for its CPU: that is what needs OpenTelemetry. */
const usual = [
  'processStartTime',
  'osMemoryHeap',
  'processOpenFileDescriptors',
  'processMaxFileDescriptors',
  'eventLoopLag',
  'processResources',
  'processHandles',
  'processRequests',
  'heapSizeAndUsed',
  'heapSpacesSizeAndUsed',
  'version',
  'gc',
];

/** How often it is looked whether the event loop is late, ms. */
const eventLoopMonitoringPrecision = 10;

/** Puts what is told of every Node.js process into a registry. */
export function collectDefaults(register: entrance.Registry): void {
  collectCpu(register);
  for (const name of usual) (part(`metrics/${name}`) as Collect)(register, { eventLoopMonitoringPrecision });
}

/** Sums of the metrics of several processes. */
export function sumOf(reports: readonly (readonly object[])[]): entrance.Registry {
  const Aggregator = part('cluster') as typeof entrance.AggregatorRegistry;
  return Aggregator.aggregate(reports as object[]);
}

/** From this moment on. */
function collectCpu(register: entrance.Registry): void {
  let before = process.cpuUsage();
  const counter = (name: string, kind: string, collect?: () => void): entrance.Counter =>
    new Counter({
      name,
      help: `Total ${kind} CPU time spent in seconds.`,
      registers: [register],
      ...(collect && { collect }),
    });
  // The first one is read first, and finds what has become of all three.
  const user = counter('process_cpu_user_seconds_total', 'user', () => {
    const now = process.cpuUsage();
    const [userSeconds, systemSeconds] = [(now.user - before.user) / 1e6, (now.system - before.system) / 1e6];
    before = now;
    user.inc(userSeconds);
    system.inc(systemSeconds);
    both.inc(userSeconds + systemSeconds);
  });
  const system = counter('process_cpu_system_seconds_total', 'system');
  const both = counter('process_cpu_seconds_total', 'user and system');
}
