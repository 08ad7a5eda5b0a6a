import { oneOf, whole, type Random } from 'sluice/testing';

export const RECORDS = { contacts: 500, events: 1_000 };

const AGENTS = ['anab', 'benok', 'chloel', 'devr', 'elin', 'fayw'];
const QUEUES = ['Basic', 'Sales', 'Billing', 'Returns'];
const INSTANCE = 'arn:aws:connect:us-east-1:111122223333:instance/sample';
const START = Date.UTC(2018, 5, 4, 13);

const timeText = (time: number) => new Date(time).toISOString();

/** Contact trace records as Firehose stores them, one object right after the other. A few texts hold `}{`. */
export function contacts(random: Random): string {
  return Array.from({ length: RECORDS.contacts }, (_, i) => {
    const time = START + i * 20_000;
    const queue = oneOf(random, QUEUES);
    const answered = random() < 0.72;
    return JSON.stringify({
      AWSAccountId: '111122223333',
      Agent: answered
        ? {
            AgentInteractionDuration: whole(random, 10, 900),
            HierarchyGroups: null,
            Username: oneOf(random, AGENTS),
          }
        : null,
      Attributes: {
        ...(random() < 0.6 ? { 'Call Reason': oneOf(random, ['Refund', 'New order', 'Other']) } : {}),
        ...(random() < 0.3 ? { 'customer-tier': oneOf(random, ['gold', 'silver']) } : {}),
        ...(i % 125 === 60 ? { Template: 'Hello {name}{surname}' } : {}),
      },
      Channel: 'VOICE',
      ContactId: `contact-${i}`,
      InitiationTimestamp: timeText(time),
      Queue: answered || random() < 0.5 ? { ARN: `${INSTANCE}/queue/${queue}`, Name: queue } : null,
    });
  }).join('');
}

/** Agent events in the same way: logins, calls whose states follow one another, heart beats. */
export function agentEvents(random: Random): string {
  interface Agent {
    name: string;
    previous: object | null;
    contact: Record<string, string> | null;
  }
  const agents = AGENTS.map((name): Agent => ({ name, previous: null, contact: null }));
  const states = ['CONNECTING', 'CONNECTED', 'ENDED'];
  return Array.from({ length: RECORDS.events }, (_, i) => {
    const time = START + i * 1_500;
    const agent = i < agents.length ? agents[i]! : oneOf(random, agents);
    const isBeat = random() < 0.15;
    if (i >= agents.length && !isBeat) {
      const state = states[states.indexOf(agent.contact?.['State'] ?? '') + 1];
      const contact = agent.contact ?? {
        Channel: 'VOICE',
        ContactId: `contact-${i}`,
        InitiationMethod: oneOf(random, ['INBOUND', 'OUTBOUND']),
      };
      agent.contact =
        state === undefined ? null : { ...contact, State: state, StateStartTimestamp: timeText(time) };
    }
    const current = {
      AgentStatus: { Name: 'Available' },
      Configuration: { Username: agent.name },
      Contacts: agent.contact ? [agent.contact] : [],
    };
    const { previous } = agent;
    agent.previous = current;
    return JSON.stringify({
      AWSAccountId: '111122223333',
      AgentARN: `${INSTANCE}/agent/${agent.name}`,
      CurrentAgentSnapshot: current,
      EventId: `event-${i}`,
      EventTimestamp: timeText(time),
      EventType: i < agents.length ? 'LOGIN' : isBeat ? 'HEART_BEAT' : 'STATE_CHANGE',
      InstanceARN: INSTANCE,
      PreviousAgentSnapshot: previous,
      Version: '2017-10-01',
    });
  }).join('');
}
