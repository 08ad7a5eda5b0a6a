import type { Command } from 'commander';
import { SluiceError } from '../errors';
import type { Config } from '../setup/config';
import { parseInteger } from './options';
import { note } from './output';
import { readProject } from './project';
import { untilAborted, withInterrupt } from './interrupt';

interface CodecServerOptions {
  host: string;
  port: number;
  origin?: string[];
}

export function addCodecServer(program: Command): void {
  program
    .command('codec-server')
    .description('show encrypted payloads to the Temporal Web UI, until SIGTERM or Ctrl-C')
    .option('--host <host>', 'the address on which it listens', '127.0.0.1')
    .option('--port <port>', 'its port', parseInteger, 8089)
    .option('--origin <url...>', 'the Web UIs whose pages may ask (default: that of SLUICE_UI_URL)')
    .addHelpText(
      'after',
      '\nExample:\n  $ SLUICE_CODEC_KEYS=codec.keys sluice codec-server --origin http://localhost:8233',
    )
    .action(async (options: CodecServerOptions) => {
      const { config } = await readProject(program);
      await withInterrupt((signal) => serve(options, config, signal));
    });
}

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

async function serve(
  { host, port, origin }: CodecServerOptions,
  { codecKeys, codecSecrets: secrets, uiUrl }: Config,
  signal: AbortSignal,
): Promise<void> {
  if (codecKeys === null)
    throw new SluiceError('InvalidInput', 'SLUICE_CODEC_KEYS is not set; give the file with the keys.');
  if (secrets.length === 0 && !LOOPBACK.includes(host))
    throw new SluiceError(
      'InvalidInput',
      `The codec server would listen on ${host} and decrypt for anybody; set SLUICE_CODEC_SECRET, or listen on 127.0.0.1.`,
    );
  const origins = (origin ?? (uiUrl === null ? [] : [uiUrl])).map(parseOrigin);
  const [{ createCodecServer }, { createPayloadCodec }, { readCodecKeys }] = await Promise.all([
    import('../codec/server.js'),
    import('../setup/payloadCodec.js'),
    import('../setup/codecKeys.js'),
  ]);
  const codec = createPayloadCodec(await readCodecKeys(codecKeys));
  const server = createCodecServer({ codec, secrets, origins });
  try {
    await server.listen({ host, port });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new SluiceError('PortTaken', `Port ${port} on ${host} is in use; give another with --port`, {
      cause,
    });
  }
  note(
    `The codec server listens on ${server.listeningOrigin}, for pages of ${origins.join(', ') || 'no Web UI'}`,
  );
  await untilAborted(signal);
  await server.close();
}

/** @throws SluiceError WrongUsage */
function parseOrigin(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return new URL(text).origin;
  throw new SluiceError('WrongUsage', `--origin ${text}: no address; give one such as http://localhost:8233`);
}
