import { ensureAwsTestTools } from './tools';
import { LOOPBACK } from './ports';
import type { Service } from './service';

export interface MotoService {
  /** Letters, digits and `-`. */
  name: string;
  /** Before `--port-offset`. */
  port: number;
  /** AWS services whose clients are led there, as in `AWS_ENDPOINT_URL_<SERVICE>`: `DYNAMODB`, `KINESIS`. */
  services: readonly string[];
}

/**
 * A service of the local stack that plays AWS APIs which have no local engine, by moto. What it holds is in memory, and
 * gone when the stack stops.
 */
export function motoService({ name, port, services }: MotoService): Service {
  return {
    name,
    port,
    async command(context) {
      const { python } = await ensureAwsTestTools({
        env: process.env,
        report: (text) => console.error(text),
      });
      return [python, '-m', 'moto.server', '--host', LOOPBACK, '--port', String(context.port)];
    },
    readyTimeoutMs: 60_000,
    env: (context) =>
      Object.fromEntries(
        services.map((service) => [`AWS_ENDPOINT_URL_${service}`, `http://${LOOPBACK}:${context.port}`]),
      ),
  };
}
