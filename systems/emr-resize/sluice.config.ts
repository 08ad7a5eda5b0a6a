import { defineConfig } from 'sluice';
import { clusterRunners } from './src/runners/localClusters';
import { emrCluster } from './src/services';
import { adviseResize } from './src/tasks/adviseResize';
import { adviseScaling } from './src/tasks/adviseScaling';
import { awaitSettings } from './src/tasks/awaitSettings';
import { compactParquet } from './src/tasks/compactParquet';
import { lookAtCluster } from './src/tasks/lookAtCluster';
import { putScaling } from './src/tasks/putScaling';
import { reportResize } from './src/tasks/reportResize';
import { reviewScaling } from './src/tasks/reviewScaling';
import { s3DistCp } from './src/tasks/s3DistCp';
import { watchResize } from './src/tasks/watchResize';

export default defineConfig({
  tasks: [
    ...[lookAtCluster, adviseResize, awaitSettings, watchResize, reportResize],
    ...[adviseScaling, putScaling, reviewScaling, s3DistCp, compactParquet],
  ],
  runners: clusterRunners,
  services: [emrCluster],
});
