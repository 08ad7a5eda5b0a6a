import { defineConfig } from 'sluice';
import { convertRecords, flattenRecords, removeConverted } from 'sluice-records';
import { drawChart } from './src/tasks/drawChart';

export default defineConfig({
  tasks: [flattenRecords, convertRecords, removeConverted, drawChart],
  glueJobs: { 'sluice-ctr-to-parquet': { script: 'contact-trace-records/to_parquet.py' } },
  crawlers: {
    'sluice-ctr-flatfiles': { database: 'ctr', targets: ['ctr/flatfiles/'] },
    'sluice-ctr-parquet': { database: 'ctr', targets: ['ctr/parquet/ctr/'] },
  },
});
