import { definePipeline, field, type CheckOptions } from '../../../src/workflow';

export const checked = definePipeline(
  { name: 'checked', about: 'Holds rows against rules.', input: { check: field.text() } },
  (run, { check }) => run.check('report is sound', JSON.parse(check) as CheckOptions),
);
