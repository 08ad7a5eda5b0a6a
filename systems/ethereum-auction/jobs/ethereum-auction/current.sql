-- The events that are so: each once, and none of a block that the chain has replaced.
WITH records AS (
  SELECT *
  FROM read_json(
    getvariable('records'),
    format = 'newline_delimited',
    columns = {
      id: 'VARCHAR', kind: 'VARCHAR', chain: 'VARCHAR', contract: 'VARCHAR', block: 'BIGINT', blockhash: 'VARCHAR',
      timestamp: 'TIMESTAMP', bidder: 'VARCHAR', amount: 'VARCHAR', epoch: 'BIGINT'
    }
  )
  WHERE getvariable('chain') IN ('', chain) AND lower(getvariable('contract')) IN ('', lower(contract))
),
removed AS (
  SELECT chain, contract, blockhash, max(epoch) AS since FROM records WHERE kind = 'removed' GROUP BY ALL
),
kept AS (
  SELECT records.*
  FROM records LEFT JOIN removed USING (chain, contract, blockhash)
  WHERE kind <> 'removed' AND (since IS NULL OR epoch >= since)
)
SELECT kind, contract, block, timestamp, bidder, amount FROM kept WHERE id = ''
UNION ALL
SELECT any_value(kind), any_value(contract), max(block), max(timestamp), any_value(bidder), any_value(amount)
FROM kept
WHERE id <> ''
GROUP BY chain, id
