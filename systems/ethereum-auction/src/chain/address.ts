import type { Address } from 'viem';

/** Whether it is an address in any spelling. Two of them are compared as `getAddress` of viem spells them. */
export const isAddress = (value: unknown): value is Address =>
  typeof value === 'string' && /^0x[0-9a-fA-F]{40}$/.test(value);
