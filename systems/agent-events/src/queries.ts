import { joinFolder } from 'sluice/workflow';

/** The columns of `kfhconnectblog`, all text; the two snapshots are JSON. */
export const COLUMNS = [
  'awsaccountid',
  'agentarn',
  'currentagentsnapshot',
  'eventid',
  'eventtimestamp',
  'eventtype',
  'instancearn',
  'previousagentsnapshot',
  'version',
];

/** The table, partitioned by the UTC hour of arrival; in AWS the template has made it. */
export function createTable(location: string): string {
  const columns = COLUMNS.map((name) => `${name} string`).join(', ');
  return (
    `CREATE EXTERNAL TABLE IF NOT EXISTS kfhconnectblog (${columns}) PARTITIONED BY (dt string) ` +
    `STORED AS PARQUET LOCATION '${joinFolder(location)}'`
  );
}

export const REPAIR_PARTITIONS = 'MSCK REPAIR TABLE kfhconnectblog';

/** Logins of agents that have a user name, the newest first. */
export const LOGINS = `
SELECT
  json_extract_scalar(currentagentsnapshot, '$.agentstatus.name') AS status,
  json_extract_scalar(currentagentsnapshot, '$.configuration.username') AS username,
  eventtimestamp AS event_ts
FROM kfhconnectblog
WHERE eventtype = 'LOGIN'
  AND json_extract_scalar(currentagentsnapshot, '$.configuration.username') <> ''
ORDER BY event_ts DESC, username`.trim();

/**
 * How the state of each contact went on from one event to the next. Contacts are paired by their place in the two
 * snapshots, where UNNEST pads the shorter list with null.
 */
export const SESSIONS = `
WITH pairs AS (
  SELECT
    eventtimestamp,
    eventid,
    json_extract_scalar(currentagentsnapshot, '$.configuration.username') AS username,
    current_contact,
    previous_contact
  FROM kfhconnectblog
  CROSS JOIN UNNEST(
    CAST(json_extract(currentagentsnapshot, '$.contacts') AS ARRAY(JSON)),
    CAST(json_extract(previousagentsnapshot, '$.contacts') AS ARRAY(JSON))
  ) AS contacts(current_contact, previous_contact)
)
SELECT
  username,
  json_extract_scalar(current_contact, '$.channel') AS channel,
  json_extract_scalar(current_contact, '$.initiationmethod') AS direction,
  json_extract_scalar(previous_contact, '$.state') AS prev_state,
  json_extract_scalar(current_contact, '$.state') AS current_state,
  json_extract_scalar(current_contact, '$.statestarttimestamp') AS current_ts,
  json_extract_scalar(current_contact, '$.contactid') AS id
FROM pairs
WHERE json_extract_scalar(current_contact, '$.contactid') = json_extract_scalar(previous_contact, '$.contactid')
ORDER BY id DESC, current_ts, eventtimestamp, eventid`.trim();

/**
 * The logins once more, asked by Redshift Spectrum of the same table through the external schema, as one CSV object. Its
 * name is the prefix and `000`: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
 */
export function unloadLogins(schema: string, prefix: string): string {
  const text = (...path: string[]) =>
    `json_extract_path_text(currentagentsnapshot, ${path.map((name) => `'${name}'`).join(', ')})`;
  const select =
    `SELECT ${text('agentstatus', 'name')} AS status, ${text('configuration', 'username')} AS username, ` +
    `eventtimestamp AS event_ts FROM ${schema}.kfhconnectblog WHERE eventtype = 'LOGIN' ` +
    `AND ${text('configuration', 'username')} <> '' ORDER BY event_ts DESC, username`;
  return (
    `UNLOAD ('${select.replaceAll("'", "''")}') TO '${prefix}' ` +
    `IAM_ROLE default FORMAT AS CSV HEADER PARALLEL OFF ALLOWOVERWRITE`
  );
}
