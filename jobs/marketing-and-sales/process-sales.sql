-- Process sales data: leads and their forecasted revenue by day, in calendar order.
SELECT
  date,
  count(*) AS leads_generated,
  -- The sum itself has 128 bits; one that does not fit into 64 is refused, never rounded.
  coalesce(
    TRY_CAST(sum(forecasted_monthly_revenue) AS BIGINT),
    CASE WHEN count(forecasted_monthly_revenue) > 0
      THEN error(format('{}: a sum of forecasted_monthly_revenue needs more than 64 bits', getvariable('sales')[1])) END) AS forecasted_lead_revenue
FROM sluice_csv('sales', {date: 'VARCHAR', opportunity_stage: 'VARCHAR', forecasted_monthly_revenue: 'BIGINT'})
WHERE opportunity_stage = 'Lead'
GROUP BY date
ORDER BY
  CASE WHEN regexp_full_match(date, '\d{1,2}/\d{1,2}/\d{4}') THEN try_strptime(date, '%m/%d/%Y') END NULLS LAST,
  date NULLS LAST;
