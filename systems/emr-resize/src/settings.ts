/** What the machine of the worker says; the only reader of the environment in this project. */
export interface Settings {
  /** Where a local EMR answers; null for AWS. */
  emrEndpoint: string | null;
}

export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  return { emrEndpoint: env['AWS_ENDPOINT_URL_EMR']?.trim() || null };
}
