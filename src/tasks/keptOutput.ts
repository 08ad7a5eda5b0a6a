import { dropKeptOutput as drop, keepOutput as keep, putBackOutput as putBack } from '../lake/keptOutput';
import { field } from '../pipelines';
import { defineTask } from './defineTask';

/** The three tasks of `Run.keepOutput`. */
export const keepOutput = defineTask(
  {
    name: 'keep-output',
    about: 'Copies an output folder, so that it can be put back.',
    input: { output: field.folder(), copy: field.folder() },
  },
  async (input, { s3, signal }) => ({ output: input.copy, payload: await keep(s3, input, signal) }),
);

export const putBackOutput = defineTask(
  {
    name: 'put-back-output',
    about: 'Makes an output folder what it was when it was copied.',
    input: { output: field.folder(), copy: field.folder() },
  },
  async (input, { s3, signal }) => {
    await putBack(s3, input, signal);
    return { output: input.output };
  },
);

export const dropKeptOutput = defineTask(
  {
    name: 'drop-kept-output',
    about: 'Removes the copy of an output folder.',
    input: { copy: field.folder() },
  },
  ({ copy }, { s3, signal }) => drop(s3, copy, signal),
);
