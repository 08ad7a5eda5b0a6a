-- Process marketing data: five columns of every row.
SELECT date, new_visitors_seo, new_visitors_cpc, new_visitors_social_media, return_visitors
FROM sluice_csv('marketing', {
  date: 'VARCHAR',
  new_visitors_seo: 'BIGINT',
  new_visitors_cpc: 'BIGINT',
  new_visitors_social_media: 'BIGINT',
  return_visitors: 'BIGINT'
});
