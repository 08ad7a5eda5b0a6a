/** The search attributes that runs set, with the type that each must have on the server. */
export const SEARCH_ATTRIBUTES = {
  SluicePipeline: 'Keyword',
  SluiceState: 'Keyword',
  SluiceStep: 'Keyword',
  SluiceWaitingFor: 'KeywordList',
} as const;
