import { defineConfig } from 'sluice';

/** All of it lies in the folders of a project's own: src/pipelines, src/tasks, jobs. */
export default defineConfig({});
