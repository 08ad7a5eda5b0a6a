import type { Address, Hex, TransactionSerializableEIP1559 } from 'viem';

/** Who sends transactions, wherever its key is. */
export interface Account {
  address: Address;
  signTransaction(transaction: TransactionSerializableEIP1559): Promise<Hex>;
}
