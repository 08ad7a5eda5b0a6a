import { defineTask } from 'sluice';
import { connect, rpcUrl } from './_fields';

/** Fails as long as the chain does not answer, and the step that runs it asks again: a chain that starts is not an error. */
export const checkChain = defineTask(
  { name: 'check-chain', about: 'Waits until the chain answers, and says which it is.', input: { rpcUrl } },
  async (input) => {
    const chain = await connect(input);
    const { chainId, genesis } = chain;
    const head = Number(await chain.ask((client) => client.getBlockNumber()));
    return { payload: { chainId, genesis, head } };
  },
);
