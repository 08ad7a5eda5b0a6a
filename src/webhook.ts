#!/usr/bin/env node
import './quiet';
import { runEntry } from './runEntry';
import { runWebhook } from './runWebhook';

runEntry(runWebhook);
