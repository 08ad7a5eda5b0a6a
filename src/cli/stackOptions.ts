import { InvalidArgumentError, type Command } from 'commander';
import { choosePorts, type Ports } from '../local';
import { parseInteger } from './options';

/** Options of the commands that start a local stack. */
export interface StackCommandOptions {
  dir?: string;
  spark: boolean;
  portOffset?: number;
  ports?: Partial<Ports>;
}

export function addStackOptions(command: Command): Command {
  return command
    .option('--dir <dir>', 'the data folder: s3/, the Temporal database and logs/ are in it')
    .option('--no-spark', 'without Livy and Spark')
    .option('--port-offset <n>', 'move all ports of the stack by this much', parseInteger)
    .option('--ports <name=port,…>', `ports by name: ${Object.keys(choosePorts(0)).join(', ')}`, parsePorts);
}

export function parsePorts(text: string): Partial<Ports> {
  const names = Object.keys(choosePorts(0));
  const ports: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [name = '', port = ''] = part.trim().split('=');
    if (!names.includes(name) || !/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      throw new InvalidArgumentError(
        `Give name=port with a name of ${names.join(', ')}, for example temporal=17233,ui=18233.`,
      );
    }
    ports[name] = Number(port);
  }
  return ports;
}
