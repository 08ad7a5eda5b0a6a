import fastify from 'fastify';
import { listenAt } from '../../../src/webhook/runWebhook';

test.each(['nohost.invalid', '192.0.2.1'])('%s is named as no address of this machine', async (host) => {
  await expect(listenAt(fastify(), { host, port: 0 })).rejects.toMatchObject({
    code: 'InvalidInput',
    message: expect.stringContaining(`SLUICE_WEBHOOK_HOST: "${host}" is no address of this machine`),
  });
});
