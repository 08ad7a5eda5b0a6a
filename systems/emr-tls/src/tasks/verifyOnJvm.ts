import { defineTask, field, SluiceError } from 'sluice';
import { tlsTags } from '../names';
import { JavaNode } from '../provider/javaNode';
import { nodeClassPath } from '../provider/buildJar';

export interface VerifyOnJvm {
  java: string;
  findJar: (signal: AbortSignal) => Promise<string>;
  /** Where AWS is played, on a local stack. */
  endpoint: string | undefined;
}

/** What two nodes said of each other. */
export interface LocalHandshake {
  from: 'master' | 'core';
  to: 'master' | 'core';
  host: string;
  protocol: string;
  subject: string;
}

const PROTOCOL = 'TLSv1.3';

/**
 * In the place of a cluster, two JVMs load the provider JAR by its class name, one as the master and one as a core node, and
 * talk mutual TLS 1.3 with a check of the host's name. Answers `{ handshakes }`.
 */
export function createVerifyOnJvm({ java, findJar, endpoint }: VerifyOnJvm) {
  return defineTask(
    {
      name: 'verify-on-jvm',
      about: 'Has a master and a core node, played by two JVMs, talk TLS to each other.',
      input: {
        prefix: field.text(),
        functionName: field.text({ optional: true }),
        domain: field.text(),
        masterHost: field.text({ optional: true }),
      },
    },
    async ({ prefix, functionName, domain, masterHost }, { signal }) => {
      if (endpoint === undefined)
        throw new SluiceError(
          'InvalidJob',
          'verify-on-jvm works on a local stack alone; give a cluster on AWS',
        );
      const nodes: JavaNode[] = [];
      const classPath = nodeClassPath(await findJar(signal));
      const start = async (role: 'MASTER' | 'CORE') => {
        const tags = Object.fromEntries(
          tlsTags(prefix, functionName ?? null).map(({ Key, Value }) => [Key, Value]),
        );
        const node = await JavaNode.start({
          ...{ java, classPath, endpoint, signal },
          metadata: await putInstance(endpoint, {
            ...tags,
            'aws:elasticmapreduce:instance-group-role': role,
          }),
          folder: null,
        });
        nodes.push(node);
        return node;
      };
      try {
        const [master, core] = await Promise.all([start('MASTER'), start('CORE')]);
        const handshakes: LocalHandshake[] = [];
        const shake = async (from: 'master' | 'core', to: 'master' | 'core', host: string) => {
          const [client, server] = from === 'master' ? [master, core] : [core, master];
          const port = await server.listen(PROTOCOL);
          const said = await client.connect({ host, port, protocol: PROTOCOL });
          const [, protocol, subject] = /^connected (\S+) (.*)$/.exec(said) ?? [];
          if (protocol === undefined)
            throw new SluiceError('BadData', `The ${from} does not talk to the ${to} (${host}): ${said}`);
          handshakes.push({ from, to, host, protocol, subject: subject! });
        };
        await shake('core', 'master', masterHost ?? `ip-10-0-0-1.${domain}`);
        await shake('master', 'core', `ip-10-0-0-2.${domain}`);
        return { payload: { handshakes } };
      } finally {
        for (const node of nodes) node.stop();
      }
    },
  );
}

/** An instance of the played AWS. Answers the address of its metadata service. */
export async function putInstance(endpoint: string, tags: Record<string, string>): Promise<string> {
  const response = await fetch(`${endpoint}/nodes`, { method: 'POST', body: JSON.stringify(tags) });
  return `${endpoint}/nodes/${await response.text()}`;
}
