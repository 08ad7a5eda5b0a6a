import { defineConfig } from 'sluice';
import { convertRecords, flattenRecords } from 'sluice-records';

export default defineConfig({ tasks: [flattenRecords, convertRecords] });
