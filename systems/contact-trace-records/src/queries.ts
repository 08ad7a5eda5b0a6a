// Trino's dialect, as Athena takes it; the table is the one that the crawler sluice-ctr-parquet makes.

/** Contacts that an agent has had, by agent. */
export const CALLS_PER_AGENT = `
SELECT agent.username AS username, count(*) AS calls
FROM ctr
WHERE agent.username IS NOT NULL
GROUP BY agent.username
ORDER BY calls DESC, username`.trim();

/** The same by agent and queue; a contact that went to its agent without a queue has none. */
export const CALLS_PER_AGENT_QUEUE = `
SELECT agent.username AS username, queue.arn AS queue_arn, count(*) AS calls
FROM ctr
WHERE agent.username IS NOT NULL
GROUP BY agent.username, queue.arn
ORDER BY username, calls DESC, queue_arn`.trim();
