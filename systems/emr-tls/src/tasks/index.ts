import { readConfig } from 'sluice';
import { connectAws, type Aws } from '../aws';
import { findJar } from '../provider/buildJar';
import { readSettings } from '../settings';
import { createCheckTls } from './checkTls';
import { createFindClusters } from './findClusters';
import { createPutInstancePolicy, createRemoveInstancePolicy } from './instancePolicy';
import { createLookAtCertificates } from './lookAtCertificates';
import { createMakeBroker, createRemoveBroker } from './makeBroker';
import { createPublishProvider, createRemoveProvider } from './publishProvider';
import { readVerification } from './readVerification';
import { createRestoreParameters } from './restoreParameters';
import { createRemoveSecurityConfiguration, createSecurityConfigurationTask } from './securityConfiguration';
import { createStoreCertificate } from './storeCertificate';
import { createVerifyOnJvm } from './verifyOnJvm';

export interface TasksOf {
  connect: () => Aws;
  isLocal: () => boolean;
  findJar: (signal: AbortSignal) => Promise<string>;
  java: string;
  /** Where AWS is played, on a local stack. */
  endpoint: string | undefined;
  /** Of the RSA keys that are made. */
  keyBits?: number;
}

/** All tasks of the project, on what they are given. */
export function createTasks({ connect, isLocal, findJar, java, endpoint, keyBits }: TasksOf) {
  return [
    createCheckTls(connect, isLocal),
    createStoreCertificate(connect, keyBits),
    createRestoreParameters(connect),
    createMakeBroker(connect),
    createRemoveBroker(connect),
    createPublishProvider(findJar),
    createRemoveProvider(connect),
    createSecurityConfigurationTask(connect),
    createRemoveSecurityConfiguration(connect),
    createPutInstancePolicy(connect),
    createRemoveInstancePolicy(connect),
    createVerifyOnJvm({ java, findJar, endpoint }),
    createLookAtCertificates(connect),
    createFindClusters(connect),
    readVerification,
  ];
}

export function createWorkerTasks() {
  const settings = readSettings();
  return createTasks({
    connect: connectAws,
    isLocal: () => readConfig().engines === 'local',
    findJar: (signal) => findJar(settings, signal),
    java: settings.java,
    endpoint: settings.playedAws ?? undefined,
  });
}
