-- What everybody has sent to each auction and taken out of it; of one that is over, the sums of both are equal.
SELECT
  contract,
  bidder,
  CAST(coalesce(sum(CAST(amount AS BIGNUM)) FILTER (kind = 'bid'), 0::BIGNUM) AS VARCHAR) AS bids,
  CAST(coalesce(sum(CAST(amount AS BIGNUM)) FILTER (kind = 'withdrawal'), 0::BIGNUM) AS VARCHAR) AS withdrawn
FROM read_parquet(getvariable('events'))
GROUP BY contract, bidder
ORDER BY contract, bidder
