import { hexToBytes, keccak256, type Hex } from 'viem';

const BITS = 2048;

/**
 * Whether a block's filter has a value: false means that no log of the block is of this address or topic, true that one may
 * be. Yellow Paper, 4.3.1: three bits of 2048, by the first three pairs of bytes of the value's hash.
 */
export function isInBloom(bloom: Hex, value: Hex): boolean {
  const bytes = hexToBytes(bloom);
  const hash = hexToBytes(keccak256(hexToBytes(value)));
  return [0, 2, 4].every((at) => {
    const bit = ((hash[at]! << 8) | hash[at + 1]!) % BITS;
    return (bytes[BITS / 8 - 1 - (bit >> 3)]! & (1 << (bit & 7))) !== 0;
  });
}
