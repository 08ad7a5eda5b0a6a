/** Whether rounds of kills and faults are as many as they can be (`npm run soak`), or as few as tell that all works. */
export const isLong = process.env['SLUICE_LONG'] === '1';
