import { defineConfig } from 'sluice';

export default defineConfig({
  pipelines: 'src/pipelines',
});
