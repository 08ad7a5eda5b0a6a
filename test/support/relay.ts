import { once, setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

const DELAY_MS = 1_500;
const MAX_COPIES = 3;
const RETRY_MS = 300;
const TIMEOUT_MS = 3_000;
/** How often an answer of the webhook is lost on its way. */
const LOST_ANSWERS = 0.1;

interface S3Event {
  Records?: { s3: { object: { key: string; sequencer?: string } } }[];
}

/**
 * Stands between the S3 gateway and the webhook and does what S3 may do: each event is delivered at least once, perhaps
 * several times, late and in any order, and again until the webhook answers with a 2xx. The gateway gives no sequencers;
 * these are added, in the order in which the events come.
 */
export async function startRelay(target: string, random: () => number) {
  const stopping = new AbortController();
  const { signal } = stopping;
  // Each delivery under way listens.
  setMaxListeners(0, signal);
  const deliveries = new Set<Promise<void>>();
  /** How many events of each key have come. */
  const seen = new Map<string, number>();
  let count = 0;

  const deliver = async (body: string, authorization: string): Promise<void> => {
    await pause(random() * DELAY_MS, undefined, { signal });
    for (;;) {
      const timeout = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const isAccepted = await fetch(target, {
        method: 'POST',
        body,
        headers: { authorization, 'content-type': 'application/json' },
        signal: timeout,
      }).then(
        (answer) => answer.ok,
        () => false,
      );
      if (isAccepted && random() >= LOST_ANSWERS) return;
      await pause(random() * RETRY_MS, undefined, { signal });
    }
  };

  const take = (body: string, authorization = '') => {
    const event = JSON.parse(body) as S3Event;
    for (const { s3 } of event.Records ?? []) {
      s3.object.sequencer = (++count).toString(16).toUpperCase().padStart(8, '0');
      const key = decodeURIComponent(s3.object.key);
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    const copies = 1 + Math.floor(random() * MAX_COPIES);
    for (let copy = 0; copy < copies; copy++) {
      const delivery = deliver(JSON.stringify(event), authorization)
        .catch(() => {})
        .finally(() => deliveries.delete(delivery));
      deliveries.add(delivery);
    }
  };
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      take(body, request.headers.authorization);
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    eventsOf: (key: string) => seen.get(key) ?? 0,
    async stop() {
      stopping.abort();
      await Promise.all(deliveries);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
