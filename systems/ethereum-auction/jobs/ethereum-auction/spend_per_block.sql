SELECT block, CAST(sum(CAST(amount AS BIGNUM)) AS VARCHAR) AS spend
FROM read_parquet(getvariable('events'))
WHERE kind = 'bid'
GROUP BY block
ORDER BY block
