import type { Service } from 'sluice';

const CALLED = ['SSM', 'KMS', 'IAM', 'LAMBDA', 'EMR'];

/** The local stack's AWS, as far as this project calls it, in memory. */
export const playedAws: Service = {
  name: 'emr-tls-aws',
  port: 8011,
  command: ({ port }) => [process.execPath, `${__dirname}/../scripts/run.mjs`, 'aws', String(port)],
  readyTimeoutMs: 60_000,
  env: ({ port }) => {
    const endpoint = `http://127.0.0.1:${port}`;
    return {
      ...Object.fromEntries(CALLED.map((service) => [`AWS_ENDPOINT_URL_${service}`, endpoint])),
      EMR_TLS_PLAYED_AWS: endpoint,
    };
  },
};
