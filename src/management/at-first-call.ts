// The management API, loaded when it is called: a gateway at work is seldom changed, and spares the memory until then.
import { GatewayError } from '../core/errors.ts';
import { lazily } from '../lib/lazily.ts';
import type { Call, ManagementParts } from './parts.ts';

/** Serves everything under /api; never rejects. */
export function managementAtFirstCall(parts: ManagementParts): (call: Call) => Promise<void> {
  return lazily(
    async () => {
      const { createManagement } = await import('./management.ts');
      return createManagement(parts);
    },
    (cause, { id, answer }) => {
      // Its files may be gone: an upgrade was installed over a gateway that runs.
      parts.log.error({ request_id: id, err: cause }, 'the management API could not be loaded');
      const error = new GatewayError(
        'gateway_error',
        'The management API could not be loaded; start the gateway anew.',
      );
      answer.start(error.status, ['content-type', 'application/json', ...error.toHeaders()]);
      answer.end(error.toBody());
    },
  );
}
