import type { defaultProvider } from '@aws-sdk/credential-provider-node';

type Provider = ReturnType<typeof defaultProvider>;

/** How long credentials that tell no end are held; a file or variable that was renewed is in force after that. */
const HELD_MS = 60_000;
/** The SDK looks up credentials anew that end so soon, and may go on with them meanwhile. */
const SDK_MARGIN_MS = 5 * 60_000;

/**
 * The credentials by the SDK's own rules (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). The
 * SDK holds those that tell no end for as long as the process lives, so that a worker whose key or token was renewed in its file
 * would go on with the old one: here they end after a minute.
 */
export async function lookUpCredentials(...given: Parameters<Provider>): ReturnType<Provider> {
  const sdk = await import('@aws-sdk/credential-provider-node');
  // A provider keeps what it has found, and the files that it has read.
  const found = await sdk.defaultProvider({ ignoreCache: true })(...given);
  return found.expiration ? found : { ...found, expiration: new Date(Date.now() + SDK_MARGIN_MS + HELD_MS) };
}
