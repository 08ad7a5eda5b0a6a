/** The local EMR: `cluster PORT DIR [JAVA JARS]`; without Java its HDFS is a simulator. */
import { join } from 'node:path';
import { startHadoop } from '../src/cluster/hadoopStorage';
import { LocalCluster } from '../src/cluster/localCluster';
import { LocalEmr, STANDING } from '../src/cluster/localEmr';
import { serveEmr } from '../src/cluster/serveEmr';
import { simulateStorage } from '../src/cluster/simulatedStorage';
import type { StorageOptions } from '../src/cluster/storage';

const CORE = 6;
const REPLICATION = 2;

async function main(): Promise<void> {
  const [port, dir, java, jars] = process.argv.slice(2);
  const create = (id: string, options: StorageOptions) =>
    java === undefined || jars === undefined
      ? Promise.resolve(simulateStorage(options))
      : startHadoop({ java, jars }, { ...options, dir: join(dir!, id) });
  const emr = new LocalEmr(create);
  const storage = await create(STANDING, { nodes: CORE, replication: REPLICATION });
  emr.add(
    new LocalCluster({ id: STANDING, name: 'local', collection: 'groups', core: CORE, task: 0, storage }),
  );
  const { url, stop } = await serveEmr(emr, Number(port));
  const end = () => void stop().then(() => process.exit(0));
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  console.log(`ready: ${STANDING} at ${url}, HDFS: ${storage.kind}, YARN: simulator`);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
