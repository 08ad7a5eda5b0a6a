import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from './command';

/** Where Temporal's own SDKs find the program for their test environments. */
const DOWNLOAD_URL = 'https://temporal.download';
/** An answer that says where the archive lies takes well under a second where there is a network at all. */
const INFO_TIMEOUT_MS = 5_000;
const ARCHIVE_TIMEOUT_MS = 5 * 60_000;

interface DownloadInfo {
  archiveUrl: string;
  fileToExtract: string;
}

export interface TemporalDownload {
  /** Without a `v`. */
  version: string;
  /** Takes the program `temporal`. */
  folder: string;
  env: NodeJS.ProcessEnv;
  baseUrl?: string | undefined;
}

export async function canDownloadTemporalCli(version: string, baseUrl = DOWNLOAD_URL): Promise<boolean> {
  return findArchive(version, baseUrl).then(
    () => true,
    () => false,
  );
}

/** Downloads the command line with its development server; rejects when there is none for this machine, or no network. */
export async function downloadTemporalCli({
  version,
  folder,
  env,
  baseUrl = DOWNLOAD_URL,
}: TemporalDownload): Promise<void> {
  const { archiveUrl, fileToExtract } = await findArchive(version, baseUrl);
  const archive = path.join(folder, 'archive.tar.gz');
  await mkdir(folder, { recursive: true });
  await writeFile(archive, Buffer.from(await (await get(archiveUrl, ARCHIVE_TIMEOUT_MS)).arrayBuffer()));
  await runCommand({ command: 'tar', args: ['-xzf', archive, '-C', folder, fileToExtract], env });
  await rm(archive);
  await chmod(path.join(folder, fileToExtract), 0o755);
}

async function findArchive(version: string, baseUrl: string): Promise<DownloadInfo> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const query = new URLSearchParams({ arch, platform: process.platform, format: 'tar.gz' });
  const response = await get(`${baseUrl}/cli/v${version}?${query.toString()}`, INFO_TIMEOUT_MS);
  return (await response.json()) as DownloadInfo;
}

async function get(url: string, timeoutMs: number): Promise<Response> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
    const { cause, message } = error as Error & { cause?: { code?: string } };
    throw new Error(`${new URL(url).host} cannot be reached: ${cause?.code ?? message}`, { cause: error });
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response;
}
