/**
 * The server ends a run, undone and unsaid, whose history grows past 50 MiB or 51,200 events
 * (https://docs.temporal.io/workflow-execution/limits). Nothing new is begun past these: what is under way is to end yet, and what
 * follows a failure to be done.
 */
export const MAX_HISTORY_BYTES = 40 * 1024 * 1024;
export const MAX_HISTORY_EVENTS = 45_000;
