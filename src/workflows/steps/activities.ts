import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';

/** Heartbeats come about every third of it; a worker killed during an activity is noticed this late. */
export const HEARTBEAT_TIMEOUT = '15 s';

/**
 * That of an await of a job that runs elsewhere: 10,000 of them make at most 200 writes a second, a beat every 55 s each. A
 * dead worker is noticed this late, the job goes on meanwhile, and two that poll one job do no harm.
 */
export const AWAIT_HEARTBEAT_TIMEOUT = '75 s';

/** The worker's activities; a call that may take longer than a minute says so. */
export const activities = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
