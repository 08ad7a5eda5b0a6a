import { defineConfig } from 'sluice';

export default defineConfig({
  glueJobs: { 'sluice-convert-export': { script: 'reviews-export/convert_export.py' } },
  crawlers: {
    'sluice-reviews': {
      database: 'reviews',
      targets: ['reviews-export/parquet/'],
      tablePrefix: 'reviews_',
    },
  },
});
