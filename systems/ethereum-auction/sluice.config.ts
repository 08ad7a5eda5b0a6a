import { defineConfig } from 'sluice';
import { anvil, delivery, geth, kinesis } from './src/services';

/** `AUCTION_CHAIN=geth` has the local chain run by geth, where Go is; by default it is anvil. */
export default defineConfig({
  services: [process.env['AUCTION_CHAIN'] === 'geth' ? geth : anvil, kinesis, delivery],
});
