const CHAINS = ['anvil', 'geth'];

/** Takes `--chain NAME` out of the options. @throws Error for a chain that there is not */
export function chooseChain(args: readonly string[]): { chain: string; rest: string[] } {
  const at = args.indexOf('--chain');
  if (at < 0) return { chain: process.env['AUCTION_CHAIN'] ?? 'anvil', rest: [...args] };
  const chain = args[at + 1] ?? '';
  if (!CHAINS.includes(chain)) throw new Error(`--chain ${chain}: give ${CHAINS.join(' or ')}`);
  return { chain, rest: [...args.slice(0, at), ...args.slice(at + 2)] };
}
