#!/usr/bin/env node
import './quiet';
import { runEntry } from './runEntry';
import { runWorker } from './runWorker';

runEntry(runWorker);
