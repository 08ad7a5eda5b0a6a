SELECT
  strftime(time_bucket(INTERVAL '15 seconds', timestamp), '%Y-%m-%dT%H:%M:%S.%gZ') AS window_start,
  block,
  CAST(sum(CAST(amount AS BIGNUM)) AS VARCHAR) AS spend
FROM read_parquet(getvariable('events'))
WHERE kind = 'bid'
GROUP BY window_start, block
ORDER BY window_start, block
