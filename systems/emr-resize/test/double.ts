import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { LocalCluster } from '../src/cluster/localCluster';
import { LocalEmr, Refusal } from '../src/cluster/localEmr';
import { simulateStorage } from '../src/cluster/simulatedStorage';
import type { Storage } from '../src/cluster/storage';
import { ServiceFault, type AwsDouble, type Handler } from '../../../test/support/aws/double';
import { startAwsDouble } from '../../../test/support/aws/start';
import type { ClientSettings } from '../../../test/contract/contractCase';

export interface Double {
  aws: AwsDouble;
  emr: LocalEmr;
  storage: Storage;
  settings: ClientSettings;
  cloudWatch: CloudWatchClient;
  /** Lets time pass for the cluster and its HDFS. */
  pass(ms: number): void;
  stop(): Promise<void>;
}

export interface DoubleOptions {
  blocks: number;
  collection?: 'groups' | 'fleets';
  /** No replica is ever copied. */
  stuck?: boolean;
}

/** The local EMR over a simulated HDFS, behind a double that holds both sides against botocore's models. */
export async function startDouble({ blocks, collection = 'groups', stuck }: DoubleOptions): Promise<Double> {
  let now = Date.now();
  const emr = new LocalEmr((_, options) => Promise.resolve(simulateStorage(options, () => now)));
  const storage = simulateStorage({ nodes: 6, replication: 2 }, stuck ? () => 0 : () => now);
  await storage.write(blocks, 2048);
  emr.add(
    new LocalCluster({
      ...{ id: 'j-1', name: 'test', core: 6, task: 2, collection, storage, now: () => now },
    }),
  );
  const handlers = Object.fromEntries(
    Object.keys(emr.handlers).map((name): [string, Handler] => [
      name,
      (input) =>
        emr.handlers[name]!(input).catch((error: Error) => {
          throw error instanceof Refusal ? new ServiceFault(error.type, error.message) : error;
        }),
    ]),
  );
  const { aws, settings } = await startAwsDouble(
    { service: 'emr', handlers },
    { service: 'cloudwatch', handlers },
  );
  const cloudWatch = new CloudWatchClient(settings);
  return {
    ...{ aws, emr, storage, settings, cloudWatch },
    pass: (ms) => (now += ms),
    async stop() {
      cloudWatch.destroy();
      await aws.stop();
      await emr.stop();
    },
  };
}
