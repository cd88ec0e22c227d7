// Where `kith flash` keeps what it fetched, too.

import { cacheFolder } from '../../flash/package/surroundings.js';

export const CACHE = cacheFolder();
