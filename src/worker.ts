#!/usr/bin/env node
import './setup/quiet';
import { runEntry } from './setup/runEntry';
import { runWorker } from './worker/runWorker';

runEntry(runWorker);
