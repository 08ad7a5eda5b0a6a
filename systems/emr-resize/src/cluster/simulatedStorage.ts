import { toSettings } from '../advice/hdfsSettings';
import type { Storage, StorageOptions, StorageStatus, StoredNode } from './storage';

/** What a round of copies takes; see `estimateDrain`. */
const ROUND_MS = 3000;
const NODE_BYTES = 500e9;
/** A node is gone with its last replica. */
const CHECK_SECONDS = 1;

/**
 * HDFS as a count of replicas that move by the NameNode's rule: what a local cluster is made of where Java is missing. Nothing
 * is stored in it.
 * @param now milliseconds; tests give their own clock
 */
export function simulateStorage(
  { nodes: count, replication }: StorageOptions,
  now: () => number = Date.now,
): Storage {
  let made = 0;
  let files = 0;
  let fileBytes = 0;
  let properties: Record<string, string> = {};
  let roundAt = now();
  let handedOut = 0;
  const nodes: StoredNode[] = [];
  const add = (more: number) => {
    for (let i = 0; i < more; i++)
      nodes.push({ name: `node-${++made}`, state: 'in service', blocks: 0, bytes: 0 });
  };
  add(count);
  const left = () => nodes.filter(({ state }) => state === 'decommissioning');
  const staying = () => nodes.filter(({ state }) => state === 'in service');

  /** Copies what was due since the last look. */
  const advance = () => {
    for (; now() - roundAt >= ROUND_MS; roundAt += ROUND_MS) {
      const most = toSettings(properties).workMultiplier * nodes.length;
      let copies = most;
      for (const node of left()) {
        for (; copies > 0 && node.blocks > 0; copies--) {
          node.blocks--;
          node.bytes -= fileBytes;
          const to = staying().reduce((a, b) => (b.blocks < a.blocks ? b : a));
          to.blocks++;
          to.bytes += fileBytes;
        }
        if (node.blocks === 0) node.state = 'decommissioned';
      }
      handedOut = most - copies;
    }
  };

  const status = (): StorageStatus => {
    advance();
    return {
      nodes: nodes.map((node) => ({ ...node })),
      ...{ properties: { ...properties }, replication, blocks: files },
      checkSeconds: CHECK_SECONDS,
      bytesUsed: nodes.reduce((sum, { bytes }) => sum + bytes, 0),
      bytesTotal: nodes.length * NODE_BYTES,
      bytesWritten: files * fileBytes,
      underReplicated: left().reduce((sum, { blocks }) => sum + blocks, 0),
      ...{ handedOut, missing: 0 },
    };
  };
  const answer = (change: () => void) => {
    advance();
    change();
    return Promise.resolve(status());
  };
  return {
    kind: 'simulator',
    status: () => Promise.resolve(status()),
    add: (more) => answer(() => add(more)),
    drain: (names) =>
      answer(() => {
        if (left().length === 0) roundAt = now();
        for (const node of nodes) if (names.includes(node.name)) node.state = 'decommissioning';
      }),
    remove: (name) =>
      answer(() => {
        nodes.splice(
          nodes.findIndex((node) => node.name === name),
          1,
        );
      }),
    configure: (changed) => answer(() => (properties = { ...properties, ...changed })),
    write: (more, bytes) =>
      answer(() => {
        fileBytes = bytes;
        for (let file = 0; file < more; file++, files++)
          for (let copy = 0; copy < replication; copy++) {
            const node = nodes[(files * replication + copy) % nodes.length]!;
            node.blocks++;
            node.bytes += bytes;
          }
      }),
    check: () => Promise.resolve({ files, readable: files }),
    stop: () => Promise.resolve(),
  };
}
