import { join } from 'node:path';

/** Of servers that end with their process: not in a temporary folder, since nobody is there at their end to remove it. */
export const LOGS = join(__dirname, '..', '..', 'node_modules', '.cache', 'sluice-tests');
