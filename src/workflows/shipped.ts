import type { Pipeline } from '../pipelines';
import { job } from './job';
import { main } from './main';
import { marketingAndSales } from './marketingAndSales';
import { rateCodes } from './rateCodes';
import type { AnyPipeline } from './steps';

/** The pipelines that ship with Sluice, in the order in which they are listed to people. */
export const SHIPPED: readonly AnyPipeline[] = [main, marketingAndSales, rateCodes, job];

export const SHIPPED_PIPELINES: readonly Pipeline[] = SHIPPED.map(({ description }) => description);
