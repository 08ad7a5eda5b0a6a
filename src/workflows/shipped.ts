import type { Pipeline } from '../pipelines';
import { agentEvents } from './agentEvents';
import { contactTraceRecords } from './contactTraceRecords';
import { job } from './job';
import { main } from './main';
import { marketingAndSales } from './marketingAndSales';
import { rateCodes } from './rateCodes';
import { reviewsExport } from './reviewsExport';
import type { AnyPipeline } from './steps';

/** The pipelines that ship with Sluice, in the order in which they are listed to people. */
export const SHIPPED: readonly AnyPipeline[] = [
  main,
  marketingAndSales,
  rateCodes,
  reviewsExport,
  contactTraceRecords,
  agentEvents,
  job,
];

export const SHIPPED_PIPELINES: readonly Pipeline[] = SHIPPED.map(({ description }) => description);
