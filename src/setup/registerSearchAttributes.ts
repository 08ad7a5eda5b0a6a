import { temporal } from '@temporalio/proto';
import type { Client } from '@temporalio/client';
import type { Logger } from './logging';
import { SEARCH_ATTRIBUTES } from '../contracts/searchAttributes';

type OperatorConnection = Pick<Client['connection'], 'operatorService'>;
type SearchAttribute = keyof typeof SEARCH_ATTRIBUTES;

const { INDEXED_VALUE_TYPE_KEYWORD, INDEXED_VALUE_TYPE_KEYWORD_LIST } =
  temporal.api.enums.v1.IndexedValueType;
const TYPES = { Keyword: INDEXED_VALUE_TYPE_KEYWORD, KeywordList: INDEXED_VALUE_TYPE_KEYWORD_LIST };

/** The names of those that the namespace does not have. */
export async function findMissingSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
): Promise<SearchAttribute[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const names = Object.keys(SEARCH_ATTRIBUTES) as SearchAttribute[];
  return names.filter((name) => !(name in (customAttributes ?? {})));
}

/**
 * Registers the search attributes of runs when they are missing.
 * @returns whether they can be used; without the right to register them (or a server that has none), runs go on without
 */
export async function registerSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
  log: Logger,
): Promise<boolean> {
  try {
    const absent = await findMissingSearchAttributes(connection, namespace);
    if (absent.length === 0) return true;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(absent.map((name) => [name, TYPES[SEARCH_ATTRIBUTES[name]]])),
    });
    return (await findMissingSearchAttributes(connection, namespace)).length === 0;
  } catch (error) {
    log.warn({ error: String(error) }, 'search attributes cannot be registered; runs go on without them');
    return false;
  }
}
