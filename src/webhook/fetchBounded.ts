export interface Fetched {
  status: number;
  body: Buffer;
}

/** GETs a small file. Rejects when the server does not answer, or answers at length. */
export type Fetch = (url: string) => Promise<Fetched>;

const LIMIT_BYTES = 16 * 1024;
const TIMEOUT_MS = 3_000;

/** Follows no redirect, reads 16 KiB at most and takes 3 s at most. */
export const fetchBounded: Fetch = async (url) => {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += (chunk as Uint8Array).length;
    if (length > LIMIT_BYTES) throw new Error(`The answer is longer than ${LIMIT_BYTES / 1024} KiB`);
    chunks.push(chunk as Uint8Array);
  }
  return { status: response.status, body: Buffer.concat(chunks) };
};
