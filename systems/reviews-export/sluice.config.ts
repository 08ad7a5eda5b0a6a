import { defineConfig, motoService } from 'sluice';
import { dynamodbExportTableToPointInTime } from './src/runners/dynamodbExport';
import { convertExport } from './src/tasks/convertExport';
import { describeTable } from './src/tasks/describeTable';
import { findExport } from './src/tasks/findExport';
import { scanTable } from './src/tasks/scanTable';

export default defineConfig({
  tasks: [describeTable, scanTable, findExport, convertExport],
  runners: [dynamodbExportTableToPointInTime],
  services: [motoService({ name: 'dynamodb', port: 8000, services: ['DYNAMODB'] })],
  glueJobs: { 'sluice-convert-export': { script: 'reviews-export/convert_export.py' } },
  crawlers: {
    'sluice-reviews': {
      database: 'reviews',
      targets: ['reviews-export/parquet/'],
      tablePrefix: 'reviews_',
    },
  },
});
