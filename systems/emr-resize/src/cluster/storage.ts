/** A node of HDFS as its NameNode sees it. */
export interface StoredNode {
  name: string;
  state: 'in service' | 'decommissioning' | 'decommissioned';
  blocks: number;
  bytes: number;
}

export interface StorageStatus {
  nodes: StoredNode[];
  /** Of `hdfs-site`, as they are in force. */
  properties: Record<string, string>;
  replication: number;
  /** How often it is looked whether a node that goes has nothing left. */
  checkSeconds: number;
  blocks: number;
  bytesUsed: number;
  bytesTotal: number;
  /** Since the start. */
  bytesWritten: number;
  underReplicated: number;
  /** Copies that the NameNode told its nodes to make in its last round. */
  handedOut: number;
  missing: number;
}

/** The HDFS of a local cluster. */
export interface Storage {
  readonly kind: 'hadoop' | 'simulator';
  status(): Promise<StorageStatus>;
  add(count: number): Promise<unknown>;
  /** Has the nodes give away what they hold; they are `decommissioned` once they have. */
  drain(names: readonly string[]): Promise<unknown>;
  /** Ends a node at once. */
  remove(name: string): Promise<unknown>;
  configure(properties: Record<string, string>): Promise<unknown>;
  /** Writes small files. */
  write(files: number, bytes: number): Promise<unknown>;
  /** Reads all files: how many there are, and how many hold what was written. */
  check(): Promise<{ files: number; readable: number }>;
  stop(): Promise<void>;
}

export interface StorageOptions {
  nodes: number;
  replication: number;
}
