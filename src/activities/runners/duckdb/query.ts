// placeholder, replaced by the real one
export async function runQuery(_: { sql: string; variables: Record<string, string | string[]>; names?: Record<string, string>; output?: { file: string; format: 'parquet' | 'csv' }; maxRows?: number; signal: AbortSignal; tempFolder?: string }): Promise<{ rows?: Record<string, unknown>[]; rowCount: number; engineMs: number }> {
  throw new Error('not there yet');
}
