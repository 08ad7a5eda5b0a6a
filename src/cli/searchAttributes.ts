import type { Client } from '@temporalio/client';

/** The search attributes that runs set, with the type that each must have. */
export const SEARCH_ATTRIBUTES = {
  SluicePipeline: 'Keyword',
  SluiceState: 'Keyword',
  SluiceStep: 'Keyword',
  SluiceWaitingFor: 'KeywordList',
};

/** The names of those that the namespace does not have. */
export async function findMissingSearchAttributes(client: Client): Promise<string[]> {
  const { namespace } = client.options;
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(SEARCH_ATTRIBUTES).filter((name) => !(name in (customAttributes ?? {})));
}
