// V8's young generation stays as small as it begins, 2 MiB instead of 32: rarer collections are not
// worth the memory of a router.

import { setFlagsFromString } from 'node:v8';

/**
 * For this thread. Every start of a worker sets the factor back for all, so it is to be called
 * again after one. (At run time V8 no longer looks at --max-semi-space-size.)
 */
export function keepYoungSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
