// A certificate for `localhost` that is its own authority, made for one test run.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Where they are. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Writes certificate and key into the folder; undefined where there is no openssl to make them. In CI there must be. */
export function makeCertificate(folder: string): CertificateFiles | undefined {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const kind = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  try {
    execFileSync('openssl', ['req', ...kind.split(' '), ...name, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { cert, key };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && process.env['CI'] === undefined) return undefined;
    throw error;
  }
}
