import type { StandardSchemaV1 } from '@standard-schema/spec';
import { findSchemaProblems, type Schema } from '../services/schema';

/**
 * A Standard Schema over the one that the AWS SDK sends an input by: unknown and missing members and wrong types, nested
 * ones too. What a text may hold, as the names of an enumeration, is the service's to say.
 * @param load gives the schema when a job is checked first: a client of the SDK takes a tenth of a second or more to load
 * @param findMore finds what a schema cannot say, one issue each; asked when the schema has no complaint
 */
export function sdkSchema(
  load: () => Schema,
  findMore: (parameters: Record<string, unknown>) => StandardSchemaV1.Issue[] = () => [],
): StandardSchemaV1 {
  return {
    '~standard': {
      version: 1,
      vendor: 'sluice',
      validate(value) {
        const found = findSchemaProblems(load(), value);
        const issues = found.length > 0 ? found : findMore(value as Record<string, unknown>);
        return issues.length > 0 ? { issues } : { value };
      },
    },
  };
}
