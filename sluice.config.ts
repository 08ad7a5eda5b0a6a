import { defineConfig, shippedPipelines } from 'sluice';
import agentEvents from './systems/agent-events/sluice.config';
import contactTraceRecords from './systems/contact-trace-records/sluice.config';
import emrResize from './systems/emr-resize/sluice.config';
import emrTls from './systems/emr-tls/sluice.config';
import ethereumAuction from './systems/ethereum-auction/sluice.config';
import reviewsExport from './systems/reviews-export/sluice.config';
import trioDenovo from './systems/trio-denovo/sluice.config';

/** What ships, and the systems beside it: every command works with all of them here. */
export default defineConfig({
  pipelines: [...shippedPipelines],
  tasks: [],
  runners: [],
  projects: [reviewsExport, contactTraceRecords, agentEvents, ethereumAuction, trioDenovo, emrTls, emrResize],
});
