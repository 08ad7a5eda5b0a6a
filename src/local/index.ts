export { cacheFolder, type Report } from './cache';
export { motoService, type MotoService } from './motoService';
export { startLivy, type LivyServer } from './livy';
export { checkPorts, choosePorts, freePort, type Ports } from './ports';
export { Processes, type RunningProcess } from './processes';
export { startS3Gateway, type S3Gateway } from './s3Gateway';
export type { Service, ServiceContext, ServiceReady } from './service';
export { startStack, type Stack, type StackInfo, type StackOptions } from './stack';
export { startTemporal, type TemporalServer } from './temporal';
export {
  checkTools,
  ensureAwsTestTools,
  ensureJars,
  ensureLivy,
  ensureLivyAndSpark,
  ensurePythonPackages,
  ensureS3Gateway,
  ensureSpark,
  ensureTemporal,
  ensureTemporalTestServer,
  probeTools,
  type Jars,
  type LivyTools,
  type Probe,
  type PythonPackages,
} from './tools';
