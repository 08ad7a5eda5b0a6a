-- Join marketing and sales data by day, in calendar order.
SELECT
  sales.date,
  leads_generated,
  forecasted_lead_revenue,
  new_visitors_seo,
  new_visitors_cpc,
  new_visitors_social_media,
  return_visitors
FROM read_parquet(getvariable('sales_leads')) AS sales
JOIN read_parquet(getvariable('marketing')) AS marketing ON sales.date = marketing.date
ORDER BY
  CASE WHEN regexp_full_match(sales.date, '\d{1,2}/\d{1,2}/\d{4}') THEN try_strptime(sales.date, '%m/%d/%Y') END NULLS LAST,
  sales.date NULLS LAST,
  -- A day that is there more than once: in a fixed order, so that every engine gives the same bytes.
  leads_generated NULLS LAST,
  forecasted_lead_revenue NULLS LAST,
  new_visitors_seo NULLS LAST,
  new_visitors_cpc NULLS LAST,
  new_visitors_social_media NULLS LAST,
  return_visitors NULLS LAST;
