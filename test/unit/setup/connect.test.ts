import { freePort } from '../../../src/local';
import { connectClient } from '../../../src/setup/connect';

// gRPC itself tries for 5 s.
test.each(['127.0.0.1', 'localhost'])(
  'where nobody listens at %s is told at once',
  async (host) => {
    process.env['TEMPORAL_ADDRESS'] = `${host}:${await freePort()}`;
    await expect(connectClient()).rejects.toMatchObject({
      code: 'ServerUnreachable',
      message: expect.stringContaining(process.env['TEMPORAL_ADDRESS']) as string,
    });
  },
  4_000,
);
