SELECT
  strftime(time_bucket(INTERVAL '10 seconds', timestamp), '%Y-%m-%dT%H:%M:%S.%gZ') AS window_start,
  count(DISTINCT lower(bidder)) AS distinct_bidders
FROM read_parquet(getvariable('events'))
WHERE kind = 'bid'
GROUP BY window_start
ORDER BY window_start
