/** What the tests look at of a contact trace record. */
export interface ContactRecord {
  Agent?: { Username?: string } | null;
  Queue?: { ARN?: string } | null;
}

interface Contact {
  ContactId: string;
  Channel: string;
  InitiationMethod: string;
  State: string;
  StateStartTimestamp: string;
}

interface Snapshot {
  AgentStatus: { Name: string };
  Configuration: { Username: string } | null;
  Contacts: Contact[] | null;
}

/** What the tests look at of an agent event. */
export interface AgentEvent {
  EventId: string;
  EventType: string;
  EventTimestamp: string;
  CurrentAgentSnapshot: Snapshot;
  PreviousAgentSnapshot: Snapshot | null;
}

/** JSON values that stand one after the other, by trying each `}` in turn: slow, and nothing like the product's way. */
export function parseConcatenated<T>(text: string): T[] {
  const values: T[] = [];
  let start = 0;
  for (let end = text.indexOf('}'); end !== -1; end = text.indexOf('}', end + 1)) {
    try {
      values.push(JSON.parse(text.slice(start, end + 1)) as T);
      start = end + 1;
    } catch {
      // Not the end of the value yet.
    }
  }
  return values;
}

/** Keys as the rules have them, at every depth. */
export function plainKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.toLowerCase().replace(/[^a-z0-9_]/g, ''),
      plainKeys(inner),
    ]),
  );
}

/** The rows of a CSV file whose fields hold no line breaks, an empty field as ''. */
export function parseCsv(text: string): { header: string[]; rows: string[][] } {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const [header = [], ...rows] = lines.map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
    ),
  );
  return { header, rows };
}

/** `username,calls` and `username,queue_arn,calls` of records, the rows as sorted texts. */
export function countCalls(records: ContactRecord[]): { byAgent: string[]; byAgentAndQueue: string[] } {
  const count = (keyOf: (record: ContactRecord) => string) => {
    const counts = new Map<string, number>();
    for (const record of records) {
      if (typeof record.Agent?.Username !== 'string') continue;
      const key = keyOf(record);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts].map(([key, calls]) => `${key},${calls}`).sort();
  };
  return {
    byAgent: count(({ Agent }) => Agent!.Username!),
    byAgentAndQueue: count(({ Agent, Queue }) => `${Agent!.Username},${Queue?.ARN ?? ''}`),
  };
}

/** The table `logins`: agents that have a user name, the newest first. */
export function loginsOf(events: AgentEvent[]): { header: string[]; rows: string[][] } {
  const rows = events
    .filter((event) => event.EventType === 'LOGIN' && event.CurrentAgentSnapshot.Configuration?.Username)
    .map(({ CurrentAgentSnapshot: { AgentStatus, Configuration }, EventTimestamp }) => [
      AgentStatus.Name,
      Configuration!.Username,
      EventTimestamp,
    ])
    .sort((a, b) => (a[2]! < b[2]! ? 1 : -1));
  return { header: ['status', 'username', 'event_ts'], rows };
}

/** The table `sessions`: contacts that have the same place in both snapshots, by id downwards, then by time. */
export function sessionsOf(events: AgentEvent[]): { header: string[]; rows: string[][] } {
  const inTime = [...events].sort((a, b) => (timeAndId(a) < timeAndId(b) ? -1 : 1));
  const rows = inTime.flatMap(({ CurrentAgentSnapshot: current, PreviousAgentSnapshot: previous }) =>
    (current.Contacts ?? []).flatMap((contact, i) => {
      const before = previous?.Contacts?.[i];
      if (before?.ContactId !== contact.ContactId) return [];
      const { Channel, InitiationMethod, State, StateStartTimestamp, ContactId } = contact;
      const username = current.Configuration?.Username ?? '';
      return [[username, Channel, InitiationMethod, before.State, State, StateStartTimestamp, ContactId]];
    }),
  );
  rows.sort((a, b) =>
    a[6]! !== b[6]! ? (a[6]! < b[6]! ? 1 : -1) : a[5]! < b[5]! ? -1 : a[5]! > b[5]! ? 1 : 0,
  );
  return { header: 'username,channel,direction,prev_state,current_state,current_ts,id'.split(','), rows };
}

const timeAndId = ({ EventTimestamp, EventId }: AgentEvent) => `${EventTimestamp} ${EventId}`;
