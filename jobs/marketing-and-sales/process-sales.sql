-- Reading rules, the same in process_sales.py: fields are split by RFC 4180 without line breaks inside, a column is found
-- by its header, unquoted fields are trimmed, an empty field is null, and what is no 64-bit integer is null.
CREATE TEMP MACRO fields_of(line) AS
  regexp_extract_all(',' || line, ',("(?:[^"]|"")*"[^,]*|[^,]*)', 1);
CREATE TEMP MACRO text_of(field) AS nullif(
  CASE WHEN regexp_full_match(field, '"(?:[^"]|"")*"[ \t]*')
    THEN replace(regexp_extract(field, '^"((?:[^"]|"")*)"', 1), '""', '"')
    ELSE trim(field, ' ' || chr(9)) END, '');
CREATE TEMP MACRO integer_of(text) AS
  CASE WHEN regexp_full_match(text, '[+-]?[0-9]+') THEN TRY_CAST(ltrim(text, '+') AS BIGINT) END;
CREATE TEMP MACRO column_of(field) AS
  regexp_replace(lower(regexp_replace(text_of(field), '^\s+|\s+$', '', 'g')), '\s+', '_', 'g');

CREATE TEMP TABLE lines AS
SELECT file, n, fields_of(rtrim(line, chr(13))) AS fields
FROM (
  SELECT file, unnest(lines) AS line, generate_subscripts(lines, 1) AS n
  FROM (SELECT filename AS file, string_split(ltrim(content, chr(65279)), chr(10)) AS lines FROM read_text(getvariable('sales')))
)
WHERE n = 1 OR rtrim(line, chr(13)) <> '';

CREATE TEMP TABLE headers AS
SELECT file, list_transform(fields, lambda field: column_of(field)) AS columns FROM lines WHERE n = 1;

CREATE TEMP MACRO position_of(file, columns, name) AS
  coalesce(list_position(columns, name), error(format('{}: no column "{}"; the header has {}', file, name, coalesce(nullif(array_to_string(columns, ', '), ''), 'nothing'))));

CREATE TEMP TABLE positions AS
SELECT
  file,
  position_of(file, columns, 'date') AS date,
  position_of(file, columns, 'opportunity_stage') AS opportunity_stage,
  position_of(file, columns, 'forecasted_monthly_revenue') AS forecasted_monthly_revenue
FROM headers;

-- Process sales data: leads and their forecasted revenue by day, in calendar order.
SELECT
  date,
  count(*) AS leads_generated,
  -- The sum itself has 128 bits; one that does not fit into 64 is refused, never rounded.
  coalesce(
    TRY_CAST(sum(revenue) AS BIGINT),
    CASE WHEN count(revenue) > 0
      THEN error(format('{}: a sum of forecasted_monthly_revenue needs more than 64 bits', any_value(file))) END) AS forecasted_lead_revenue
FROM (
  SELECT
    file,
    text_of(fields[p.date]) AS date,
    text_of(fields[p.opportunity_stage]) AS stage,
    integer_of(text_of(fields[p.forecasted_monthly_revenue])) AS revenue
  FROM lines JOIN positions AS p USING (file)
  WHERE n > 1
)
WHERE stage = 'Lead'
GROUP BY date
ORDER BY
  CASE WHEN regexp_full_match(date, '\d{1,2}/\d{1,2}/\d{4}') THEN try_strptime(date, '%m/%d/%Y') END NULLS LAST,
  date NULLS LAST;
