#!/usr/bin/env node
import './setup/quiet';
import { runEntry } from './setup/runEntry';
import { runWebhook } from './webhook/runWebhook';

runEntry(runWebhook);
