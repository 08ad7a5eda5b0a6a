import { join } from 'node:path';
import { SluiceError, type Service } from 'sluice';
import { ensureHadoop } from './cluster/hadoopStorage';

/** Where the local EMR and its metrics answer. */
const endpoints = ({ port }: { port: number }) => ({
  AWS_ENDPOINT_URL_EMR: `http://127.0.0.1:${port}`,
  AWS_ENDPOINT_URL_CLOUDWATCH: `http://127.0.0.1:${port}`,
});

/** A cluster of this machine behind EMR's own calls: a real HDFS where Java is, else a simulator, which says so. */
export const emrCluster: Service = {
  name: 'emr',
  port: 8700,
  async command({ port, dir }) {
    const script = join(__dirname, '..', 'scripts', 'run.mjs');
    const command = [process.execPath, script, 'cluster', String(port), dir];
    const say = (line: string) => console.error(line);
    try {
      const { java, jars } = await ensureHadoop(say);
      return [...command, java, jars];
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'MissingTool') throw error;
      say(`emr: its HDFS is a simulator. ${error.message}`);
      return command;
    }
  },
  ready: { log: /^ready/m },
  readyTimeoutMs: 180_000,
  env: endpoints,
};
