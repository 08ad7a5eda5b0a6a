import type { Abi, Hex } from 'viem';
import { SluiceError } from 'sluice';

export interface CompiledContract {
  name: string;
  abi: Abi;
  bytecode: Hex;
}

interface CompilerOutput {
  errors?: { severity: 'error' | 'warning' | 'info'; formattedMessage: string }[];
  contracts?: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>;
}

/**
 * Compiles a Solidity source of one contract.
 * @throws SluiceError BadData with the compiler's own messages
 */
export async function compileContract(source: string, file: string): Promise<CompiledContract> {
  // The compiler takes 8 MiB: only who deploys pays for it.
  const { default: solc } = await import('solc');
  const input = {
    language: 'Solidity',
    sources: { [file]: { content: source } },
    settings: {
      // Every chain of today runs it; the compiler's own default is ahead of some.
      evmVersion: 'paris',
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as CompilerOutput;
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new SluiceError('BadData', `${file}: ${errors.map((error) => error.formattedMessage).join('\n')}`);
  const contracts = Object.entries(output.contracts?.[file] ?? {}).filter(
    ([, { evm }]) => evm.bytecode.object,
  );
  const [only, ...others] = contracts;
  if (only === undefined || others.length > 0) {
    const names = contracts.map(([name]) => name).join(', ') || 'none';
    throw new SluiceError('BadData', `${file}: has these contracts: ${names}; give a source of exactly one`);
  }
  const [name, { abi, evm }] = only;
  return { name, abi, bytecode: `0x${evm.bytecode.object}` };
}
