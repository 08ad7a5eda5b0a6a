/** A task of the project, as `defineTask` gives it. */
export interface ProjectTask {
  readonly name: string;
}

/** A runner of the project, as `defineRunner` gives it. */
export interface ProjectRunner {
  readonly resource: string;
}

/** A Glue job of local engines. */
export interface GlueJob {
  /** The script, a path below a folder of jobs. */
  script: string;
}

/** A Glue crawler of local engines. */
export interface Crawler {
  database: string;
  /** Each a folder below the lake, or one with the name of its table; by default the folder's own. */
  targets: readonly (string | { path: string; table?: string })[];
  tablePrefix?: string;
}
