/** How the server tries the activities of a job again. */
export const JOB_RETRY = { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '30 s' } as const;
