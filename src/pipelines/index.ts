export type { Arrival } from './arrival';
export {
  field,
  type FieldOptions,
  type GivenInputOf,
  type InputOf,
  type TaskInputOf,
  type TypedField,
  type TypedFields,
} from './field';
export { parseInput, type Field, type FieldKind, type Fields } from './input';
export type { ExtraJob, JobOptions } from './jobOptions';
export { findPipeline, type OnFailure, type Pipeline } from './pipeline';
