/** The NameNode's limits on copying replicas away from a node that is to go. */
export interface HdfsSettings {
  /** Blocks handed out in a round for each DataNode that lives. */
  workMultiplier: number;
  /** Copies that one DataNode sends at a time. */
  maxStreams: number;
  /** The same, for blocks of which no other copy is left. */
  maxStreamsHardLimit: number;
}

/** Their names in `hdfs-site`. A NameNode changes all three while it runs. */
export const HDFS_PROPERTIES: Record<keyof HdfsSettings, string> = {
  workMultiplier: 'dfs.namenode.replication.work.multiplier.per.iteration',
  maxStreams: 'dfs.namenode.replication.max-streams',
  maxStreamsHardLimit: 'dfs.namenode.replication.max-streams-hard-limit',
};

/** Hadoop's own: https://hadoop.apache.org/docs/r3.4.1/hadoop-project-dist/hadoop-hdfs/hdfs-default.xml */
export const DEFAULT_SETTINGS: HdfsSettings = { workMultiplier: 2, maxStreams: 2, maxStreamsHardLimit: 4 };

/** The published ones for a fast drain; they harm a cluster that is busy. */
export const FAST_SETTINGS: HdfsSettings = { workMultiplier: 30, maxStreams: 100, maxStreamsHardLimit: 200 };

/** The settings as properties of `hdfs-site`. */
export function toProperties(settings: HdfsSettings): Record<string, string> {
  const entries = Object.entries(HDFS_PROPERTIES) as [keyof HdfsSettings, string][];
  return Object.fromEntries(entries.map(([name, property]) => [property, String(settings[name])]));
}

/** The settings that properties of `hdfs-site` come to; what is not there has Hadoop's default. */
export function toSettings(properties: Record<string, string>): HdfsSettings {
  const entries = Object.entries(HDFS_PROPERTIES) as [keyof HdfsSettings, string][];
  const given = entries.flatMap(([name, property]) => {
    const value = Number(properties[property]);
    return Number.isInteger(value) && value > 0 ? [[name, value] as const] : [];
  });
  return { ...DEFAULT_SETTINGS, ...Object.fromEntries(given) };
}

export function isAsFastAs(settings: HdfsSettings, other: HdfsSettings): boolean {
  return (Object.keys(HDFS_PROPERTIES) as (keyof HdfsSettings)[]).every(
    (name) => settings[name] >= other[name],
  );
}
