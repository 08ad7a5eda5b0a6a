import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../../activities/types';

/** The worker's activities; a call that may take longer than a minute says so. */
export const activities = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
