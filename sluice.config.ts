import { defineConfig, shippedPipelines } from 'sluice';

/** This repository as a project: what ships, and the systems beside it. */
export default defineConfig({ pipelines: shippedPipelines, tasks: [], runners: [] });
