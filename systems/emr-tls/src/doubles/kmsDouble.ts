import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { AwsFault, checkLimits, type Place } from './fault';

interface Key {
  id: string;
  arn: string;
  secret: Buffer;
  state: 'Enabled' | 'Disabled' | 'PendingDeletion';
  spec: string;
}

/** Keys that encrypt: a ciphertext is bound to its key and context. */
export class KmsDouble {
  private readonly keys = new Map<string, Key>();
  private readonly aliases = new Map<string, string>();

  constructor(private readonly place: Place) {
    this.aliases.set('alias/emr-tls', this.addKey());
  }

  /** Adds a key and answers its id. */
  addKey({ spec = 'SYMMETRIC_DEFAULT' }: { spec?: string } = {}): string {
    const id = randomUUID();
    const arn = `arn:aws:kms:${this.place.region}:${this.place.account}:key/${id}`;
    this.keys.set(id, { id, arn, secret: randomBytes(32), state: 'Enabled', spec });
    return id;
  }

  setState(id: string, state: Key['state']): void {
    this.keys.get(id)!.state = state;
  }

  find(keyId: unknown): Key {
    const text = checkLimits('kms.KeyId', keyId);
    const id = this.aliases.get(text) ?? text.replace(/^arn:.*:key\//, '');
    const key = this.keys.get(id);
    if (key === undefined) throw new AwsFault('NotFoundException', `Key '${text}' does not exist`);
    return key;
  }

  answer(operation: string, input: Record<string, unknown>): object {
    if (operation === 'DescribeKey') {
      const { id, arn, state, spec } = this.find(input['KeyId']);
      const KeyMetadata = { KeyId: id, Arn: arn, KeyState: state, Enabled: state === 'Enabled' };
      return { KeyMetadata: { ...KeyMetadata, KeySpec: spec, KeyUsage: 'ENCRYPT_DECRYPT' } };
    }
    const bytes = Buffer.from(input['CiphertextBlob'] as string, 'base64');
    const { arn, text } = this.decrypt(bytes, (input['EncryptionContext'] ?? {}) as Record<string, string>);
    return { KeyId: arn, Plaintext: text.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
  }

  encrypt(keyId: unknown, text: string, context: Record<string, string>): Buffer {
    const { id, secret } = this.usable(this.find(keyId));
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(Buffer.from(JSON.stringify(context)));
    const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.from(id), nonce, cipher.getAuthTag(), encrypted]);
  }

  decrypt(bytes: Buffer, context: Record<string, string>): { arn: string; text: Buffer } {
    const found = this.keys.get(bytes.subarray(0, 36).toString());
    if (found === undefined) throw new AwsFault('InvalidCiphertextException', 'no key has made this');
    const { secret, arn } = this.usable(found);
    const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(36, 48))
      .setAAD(Buffer.from(JSON.stringify(context)))
      .setAuthTag(bytes.subarray(48, 64));
    try {
      return { arn, text: Buffer.concat([decipher.update(bytes.subarray(64)), decipher.final()]) };
    } catch {
      throw new AwsFault('InvalidCiphertextException', 'the context is another');
    }
  }

  private usable(key: Key): Key {
    if (key.state === 'Disabled') throw new AwsFault('DisabledException', `${key.arn} is disabled.`);
    if (key.state !== 'Enabled')
      throw new AwsFault('KMSInvalidStateException', `${key.arn} is pending deletion.`);
    return key;
  }
}
