import { createPrivateKey } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What would give a private key away, by what it is: its text, its bytes, its primes and exponents, in every encoding. */
export function findableForms(pems: Iterable<string>): Map<string, Buffer> {
  const keys = [...new Set(pems)];
  return new Map(
    keys.flatMap((pem, i) => [...formsOf(pem)].map(([name, form]) => [`key ${i}: ${name}`, form])),
  );
}

function formsOf(pem: string): Map<string, Buffer> {
  const key = createPrivateKey(pem);
  const forms = new Map<string, Buffer>();
  const add = (name: string, bytes: Buffer) => {
    forms.set(`${name} raw`, bytes);
    forms.set(`${name} hex`, Buffer.from(bytes.toString('hex')));
    forms.set(`${name} HEX`, Buffer.from(bytes.toString('hex').toUpperCase()));
    // What is encoded around it moves it by up to two bytes; the edges depend on what that is.
    for (const shift of [0, 1, 2]) {
      const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
      const inner = encoded.slice(4, -4);
      forms.set(`${name} base64+${shift}`, Buffer.from(inner));
      forms.set(`${name} base64url+${shift}`, Buffer.from(inner.replaceAll('+', '-').replaceAll('/', '_')));
    }
  };
  const { d, p, q, dp, dq, qi } = key.export({ format: 'jwk' });
  for (const [name, text] of Object.entries({ d, p, q, dp, dq, qi })) {
    const bytes = Buffer.from(text!, 'base64url');
    // Their first 24 bytes are enough to know them by.
    add(name, bytes.subarray(0, 24));
    forms.set(`${name} decimal`, Buffer.from(BigInt(`0x${bytes.toString('hex')}`).toString()));
  }
  const lines = pem.trim().split('\n').slice(1, -1);
  // The first third is the modulus, which the certificate has, too.
  const secret = lines.slice(Math.ceil(lines.length / 3));
  for (const [i, line] of secret.entries()) forms.set(`line ${i}`, Buffer.from(line));
  add('PEM', Buffer.from(secret.join('\n')).subarray(0, 120));
  forms.set('label', Buffer.from('BEGIN PRIVATE KEY'));
  return forms;
}

/** Where one of the forms is: `place: form`. */
export function findForms(place: string, bytes: Buffer, forms: Map<string, Buffer>): string[] {
  return [...forms].flatMap(([name, form]) => (bytes.includes(form) ? [`${place}: ${name}`] : []));
}

/** Searches every file below a folder. */
export async function searchFolder(folder: string, forms: Map<string, Buffer>): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const file = join(entry.parentPath, entry.name);
    found.push(...findForms(file, await readFile(file), forms));
  }
  return found;
}

/** All texts in a value, bytes among them as such. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  // Bytes of the client are of another realm than those of a test.
  if (ArrayBuffer.isView(value)) return [Buffer.from(value as Uint8Array).toString()];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

const WATCH_INTERVAL_MS = 500;

/** Keeps command line and environment of every process until it is told to stop, which answers them all. */
export function watchProcesses(): () => Promise<Buffer> {
  const seen: Buffer[] = [];
  let running = true;
  const watching = (async () => {
    while (running) {
      seen.push(await readProcesses());
      await new Promise((resolve) => setTimeout(resolve, WATCH_INTERVAL_MS));
    }
    return Buffer.concat(seen);
  })();
  return () => {
    running = false;
    return watching;
  };
}

async function readProcesses(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const id of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
    for (const file of ['cmdline', 'environ'])
      parts.push(await readFile(join('/proc', id, file)).catch(() => Buffer.alloc(0)));
  return Buffer.concat(parts);
}
