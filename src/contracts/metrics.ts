/** What Sluice counts, besides what Temporal's own SDK does: kind, labels and meaning of each metric of a worker. */
export const METRICS = {
  sluice_runs_started_total: { kind: 'counter', labels: ['pipeline'], about: 'Runs that began.' },
  sluice_runs_ended_total: {
    kind: 'counter',
    labels: ['pipeline', 'state'],
    about: 'Runs that ended, by their state.',
  },
  sluice_run_seconds: { kind: 'histogram', labels: ['pipeline', 'state'], about: 'How long runs took.' },
  sluice_steps_ended_total: {
    kind: 'counter',
    labels: ['pipeline', 'kind', 'resource', 'state'],
    about: 'Steps that ended; kind is wait, job or group, and resource that of a job.',
  },
  sluice_step_seconds: {
    kind: 'histogram',
    labels: ['pipeline', 'kind', 'resource'],
    about: 'How long steps took that had begun; of kind wait, how long was waited.',
  },
  sluice_waiting_runs: {
    kind: 'gauge',
    labels: [],
    about: 'Runs of the namespace that wait for files, once a minute; each worker tells all of them.',
  },
  sluice_leaks_total: {
    kind: 'counter',
    labels: ['pipeline', 'resource'],
    about: 'Jobs of which nobody could confirm that they have ended.',
  },
  sluice_resubmissions_total: {
    kind: 'counter',
    labels: ['pipeline', 'resource'],
    about: 'Jobs that were submitted anew after they had failed.',
  },
  sluice_retries_total: {
    kind: 'counter',
    labels: ['resource', 'activity', 'code'],
    about: 'Failures that are tried again, of submits, polls and stops.',
  },
  sluice_polls_total: {
    kind: 'counter',
    labels: ['resource', 'outcome'],
    about: 'Looks at a job: answered or failed.',
  },
  sluice_throttles_total: {
    kind: 'counter',
    labels: ['service'],
    about: 'Calls that a service asked to slow down.',
  },
  sluice_no_capacity_total: {
    kind: 'counter',
    labels: ['resource'],
    about: 'Submits for which a service had no room.',
  },
  sluice_cost_micros_total: {
    kind: 'counter',
    labels: ['pipeline', 'resource', 'currency'],
    about: 'What jobs cost by SLUICE_PRICES, in millionths of the currency.',
  },
} as const;

export type Metric = keyof typeof METRICS;
export type LabelsOf<M extends Metric> = Record<(typeof METRICS)[M]['labels'][number], string>;

/** From a second to a week. */
export const SECONDS_BUCKETS = [
  ...[1, 5, 15, 60, 300, 900, 1800, 3600],
  ...[7200, 14_400, 28_800, 86_400, 172_800, 604_800],
];
