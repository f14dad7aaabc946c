// Our own HTTP/1.1 client, and undici as the check that the contract asks for what the field does.
import { http1Upstream } from '../../src/upstream/http1/http1-upstream.ts';
import { undiciUpstream } from '../support/undici-upstream.ts';
import { upstreamContract } from './upstream.ts';

upstreamContract('our own client', http1Upstream);
upstreamContract('undici', undiciUpstream, true);
