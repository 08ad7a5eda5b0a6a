import { field, type GivenInputOf, type Pipeline, type TypedFields } from '../../pipelines';
import type { RunOptions } from './shared';

/** The fields that every pipeline has beside its own. */
export const STANDARD_FIELDS = {
  onFailure: field.choice(['fail', 'fallback', 'undo'], {
    about:
      'what a failed step leads to: a failed run, the state `completed with fallback`, or a failed run that undoes what it has done',
    default: 'fail',
  }),
  onExhausted: field.choice(['fail', 'park'], {
    about:
      'what a job leads to whose retries are used up, or a wait that cannot read S3: a failed step, or one that waits for `sluice resume`',
    default: 'fail',
  }),
  notify: field.notification({
    about:
      'where the end of the run is told: an SNS topic or a URL; SLUICE_NOTIFY of the worker unless given',
    optional: true,
  }),
};
export type StandardFields = typeof STANDARD_FIELDS;

/** Any pipeline, whatever its input: what the parts that start it need. */
export interface AnyPipeline {
  readonly description: Pipeline;
  /** The file that defines it, from which the worker's bundle takes it; null inside the sandbox. */
  readonly file: string | null;
}

/**
 * A pipeline: its workflow and its description in one value. Temporal runs it as the workflow of its name; outside of the
 * workflow sandbox, the command line reads `description`.
 */
export interface PipelineDefinition<F extends TypedFields, Result> extends AnyPipeline {
  (given?: GivenInputOf<F & StandardFields>, options?: RunOptions): Promise<Result | null>;
  /** Its own fields, for another pipeline that passes some of them on. */
  readonly fields: F;
}
