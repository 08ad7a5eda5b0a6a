import { temporal } from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from './logging';

const { INDEXED_VALUE_TYPE_KEYWORD, INDEXED_VALUE_TYPE_KEYWORD_LIST } =
  temporal.api.enums.v1.IndexedValueType;

export const SEARCH_ATTRIBUTES = {
  SluicePipeline: INDEXED_VALUE_TYPE_KEYWORD,
  SluiceState: INDEXED_VALUE_TYPE_KEYWORD,
  SluiceStep: INDEXED_VALUE_TYPE_KEYWORD,
  SluiceWaitingFor: INDEXED_VALUE_TYPE_KEYWORD_LIST,
};

/**
 * Registers the search attributes of runs when they are missing.
 * @returns whether they can be used; without the right to register them (or a server that has none), runs go on without
 */
export async function registerSearchAttributes(
  connection: Pick<NativeConnection, 'operatorService'>,
  namespace: string,
  log: Logger,
): Promise<boolean> {
  const missing = async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in customAttributes));
  };
  try {
    const absent = await missing();
    if (absent.length === 0) return true;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(absent),
    });
    return (await missing()).length === 0;
  } catch (error) {
    log.warn({ error: String(error) }, 'search attributes cannot be registered; runs go on without them');
    return false;
  }
}
