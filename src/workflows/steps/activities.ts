import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';

/** Heartbeats come about every third of it; a worker killed during an activity is noticed this late. */
export const HEARTBEAT_TIMEOUT = '15 s';

/** The worker's activities; a call that may take longer than a minute says so. */
export const activities = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
