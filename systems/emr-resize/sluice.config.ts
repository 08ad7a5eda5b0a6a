import { defineConfig } from 'sluice';
import { compactParquet } from './src/tasks/compactParquet';
import { s3DistCp } from './src/tasks/s3DistCp';

export default defineConfig({
  tasks: [s3DistCp, compactParquet],
});
