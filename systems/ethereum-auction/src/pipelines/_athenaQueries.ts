/** The analyses in Athena's SQL, over the collected records. Their answers are those of `jobs/ethereum-auction/*.sql`. */

export interface AthenaSource {
  table: string;
  /** Only this contract's events; empty for all. */
  contract: string;
  /** Only this chain's events; empty for all. */
  chain: string;
}

export const createTable = (table: string, location: string) =>
  `
CREATE EXTERNAL TABLE IF NOT EXISTS ${table} (
  id string, kind string, chain string, contract string, block bigint, blockhash string,
  timestamp string, bidder string, amount string, epoch bigint
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION '${location}'`.trim();

const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** As `current.sql`: each event once, none of a block that was replaced. */
function current({ table, contract, chain }: AthenaSource): string {
  const wanted = [
    ...(chain === '' ? [] : [`chain = ${text(chain)}`]),
    ...(contract === '' ? [] : [`lower(contract) = ${text(contract.toLowerCase())}`]),
  ];
  return `
WITH records AS (
  SELECT * FROM ${table}${wanted.length === 0 ? '' : ` WHERE ${wanted.join(' AND ')}`}
), removed AS (
  SELECT chain, contract, blockhash, max(epoch) AS since FROM records WHERE kind = 'removed'
  GROUP BY chain, contract, blockhash
), kept AS (
  SELECT r.id, r.kind, r.chain, r.contract, r.block, r."timestamp", r.bidder, r.amount
  FROM records r
  LEFT JOIN removed x ON r.chain = x.chain AND r.contract = x.contract AND r.blockhash = x.blockhash
  WHERE r.kind <> 'removed' AND (x.since IS NULL OR r.epoch >= x.since)
), events AS (
  SELECT kind, contract, block, "timestamp", bidder, amount FROM kept WHERE id = ''
  UNION ALL
  SELECT max(kind), max(contract), max(block), max("timestamp"), max(bidder), max(amount)
  FROM kept WHERE id <> '' GROUP BY chain, id
)`.trim();
}

const DIGITS = 27;
const BASE = `CAST('1${'0'.repeat(DIGITS)}' AS DECIMAL(38,0))`;

/**
 * The exact sum of amounts of up to 2^256, as text. A decimal of Athena's has 38 digits, so the sum is made of three parts of
 * 27 digits each, and what is over in one is carried to the next.
 */
function exactSum(where: string): { parts: string; sum: string } {
  const part = (from: number) =>
    `CAST(substr(lpad(CASE WHEN ${where} THEN amount ELSE '0' END, ${3 * DIGITS}, '0'), ${from}, ${DIGITS}) AS DECIMAL(38,0))`;
  const parts = [1, 1 + DIGITS, 1 + 2 * DIGITS].map((from, i) => `sum(${part(from)}) AS p${i}`).join(', ');
  const carry = (value: string) => `CAST((${value} - mod(${value}, ${BASE})) / ${BASE} AS DECIMAL(38,0))`;
  const middle = `(p1 + ${carry('p2')})`;
  const digits = (value: string) => `lpad(CAST(mod(${value}, ${BASE}) AS VARCHAR), ${DIGITS}, '0')`;
  const whole = `concat(CAST(CAST(p0 + ${carry(middle)} AS DECIMAL(38,0)) AS VARCHAR), ${digits(middle)}, ${digits('p2')})`;
  return { parts, sum: `coalesce(nullif(regexp_replace(${whole}, '^0+', ''), ''), '0')` };
}

const windowOf = (seconds: number) =>
  `date_format(from_unixtime(floor(to_unixtime(from_iso8601_timestamp("timestamp")) / ${seconds}) * ${seconds}), '%Y-%m-%dT%H:%i:%s.000Z')`;

const bidders = (seconds: number) => (source: AthenaSource) =>
  `${current(source)}
SELECT ${windowOf(seconds)} AS window_start, count(DISTINCT lower(bidder)) AS distinct_bidders
FROM events WHERE kind = 'bid' GROUP BY 1 ORDER BY 1`;

export const ATHENA_QUERIES: Record<string, (source: AthenaSource) => string> = {
  spend_per_block_window: (source) => {
    const { parts, sum } = exactSum("kind = 'bid'");
    return `${current(source)}, sums AS (
  SELECT ${windowOf(15)} AS window_start, block, ${parts} FROM events WHERE kind = 'bid' GROUP BY 1, 2
)
SELECT window_start, block, ${sum} AS spend FROM sums ORDER BY window_start, block`;
  },
  spend_per_block: (source) => {
    const { parts, sum } = exactSum("kind = 'bid'");
    return `${current(source)}, sums AS (
  SELECT block, ${parts} FROM events WHERE kind = 'bid' GROUP BY block
)
SELECT block, ${sum} AS spend FROM sums ORDER BY block`;
  },
  distinct_bidders_15s: bidders(15),
  distinct_bidders_10s: bidders(10),
};
