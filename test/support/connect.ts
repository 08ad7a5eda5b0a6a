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
