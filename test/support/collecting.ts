// Preloaded into a gateway that is measured: at SIGUSR2 it collects its garbage and writes down what is left.
import { writeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

process.on('SIGUSR2', () => {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  writeSync(2, `collected, ${heapUsed + external} bytes left\n`);
});
