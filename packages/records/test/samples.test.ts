import { agentEvents, contacts, RECORDS } from '../src/samples';
import { countCalls, parseConcatenated, type AgentEvent, type ContactRecord } from './support/connect';

/** The middle of every range: what the records hold is not at stake here. */
const middling = () => {
  let n = 0;
  return () => (n++ % 10) / 10;
};

test('contacts stand one after the other, some without agent, some with texts that look like a seam', () => {
  const text = contacts(middling());
  expect(text).not.toContain('\n');
  const records = parseConcatenated<ContactRecord>(text);
  expect(records).toHaveLength(RECORDS.contacts);
  const { byAgent } = countCalls(records);
  expect(byAgent.length).toBeGreaterThan(1);
  expect(records.filter(({ Agent }) => Agent === null).length).toBeGreaterThan(10);
  expect(text).toContain('{name}{surname}');
});

test('agent events begin with logins, and contacts go on from state to state', () => {
  const events = parseConcatenated<AgentEvent>(agentEvents(middling()));
  expect(events).toHaveLength(RECORDS.events);
  expect(events[0]).toMatchObject({ EventType: 'LOGIN', PreviousAgentSnapshot: null });
  const pairs = events.filter(
    ({ CurrentAgentSnapshot: current, PreviousAgentSnapshot: previous }) =>
      current.Contacts?.[0] !== undefined &&
      current.Contacts[0].ContactId === previous?.Contacts?.[0]?.ContactId,
  );
  expect(pairs.length).toBeGreaterThan(50);
});
