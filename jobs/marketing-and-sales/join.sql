-- A column that is not there is told with its file. The first row of a file's schema is the schema itself.
CREATE TEMP TABLE sales_columns AS
SELECT file_name AS file, list(name) AS names FROM parquet_schema(getvariable('sales_leads')) WHERE num_children IS NULL GROUP BY ALL;
CREATE TEMP TABLE marketing_columns AS
SELECT file_name AS file, list(name) AS names FROM parquet_schema(getvariable('marketing')) WHERE num_children IS NULL GROUP BY ALL;
CREATE TEMP MACRO check_column(file, names, name) AS
  CASE WHEN NOT list_contains(names, name)
    THEN error(format('{}: no column "{}"; the columns are {}', file, name, coalesce(array_to_string(names, ', '), 'none'))) END;
CREATE TEMP TABLE checks AS
SELECT check_column(file, names, needed) AS problem
FROM sales_columns, unnest(['date', 'leads_generated', 'forecasted_lead_revenue']) AS needs(needed)
UNION ALL
SELECT check_column(file, names, needed)
FROM marketing_columns, unnest(['date', 'new_visitors_seo', 'new_visitors_cpc', 'new_visitors_social_media', 'return_visitors']) AS needs(needed);

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
