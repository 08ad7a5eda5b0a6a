import { defineConfig } from 'sluice';
import { playedAws } from './src/services';
import { createWorkerTasks } from './src/tasks';

export default defineConfig({ tasks: createWorkerTasks(), services: [playedAws] });
