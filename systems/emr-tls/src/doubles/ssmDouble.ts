import { AwsFault, checkLimits, type Place } from './fault';
import type { KmsDouble } from './kmsDouble';

interface Version {
  version: number;
  /** Of a SecureString the ciphertext, in base64: what is answered without decryption. */
  value: string;
  type: string;
  keyId: string;
  description: string | undefined;
  labels: string[];
}

const STANDARD_BYTES = 4096;
const ADVANCED_BYTES = 8192;

/** Parameters with versions and labels; a SecureString is what KMS has encrypted for the parameter's ARN. */
export class SsmDouble {
  readonly parameters = new Map<string, Version[]>();

  constructor(
    private readonly place: Place,
    private readonly kms: KmsDouble,
  ) {}

  arnOf(name: string): string {
    return `arn:aws:ssm:${this.place.region}:${this.place.account}:parameter${name}`;
  }

  /** The text of a parameter, for tests. */
  text(selector: string): string {
    const { name, version } = this.find(selector);
    return this.decrypt(name, version);
  }

  answer(operation: string, input: Record<string, unknown>): object {
    const name = checkLimits('ssm.Name', input['Name']);
    switch (operation) {
      case 'PutParameter':
        return this.put(name, input);
      case 'GetParameter': {
        const { name: found, version } = this.find(name);
        const Value = input['WithDecryption'] === true ? this.decrypt(found, version) : version.value;
        return {
          Parameter: {
            Name: found,
            Type: version.type,
            Value,
            Version: version.version,
            ARN: this.arnOf(found),
          },
        };
      }
      case 'GetParameterHistory':
        return {
          Parameters: this.versionsOf(name).map((version) => ({
            ...{ Name: name, Type: version.type, Version: version.version, Value: version.value },
            ...{ Description: version.description, KeyId: version.keyId },
            ...(version.labels.length > 0 ? { Labels: version.labels } : {}),
          })),
        };
      case 'DeleteParameter':
        this.versionsOf(name);
        this.parameters.delete(name);
        return {};
      case 'LabelParameterVersion': {
        const versions = this.versionsOf(name);
        const labels = (input['Labels'] as string[]).map((label) => checkLimits('ssm.Label', label));
        const target = versions.find(({ version }) => version === input['ParameterVersion']);
        if (target === undefined)
          throw new AwsFault('ParameterVersionNotFound', `${name} has no such version`);
        for (const version of versions)
          version.labels = version.labels.filter((label) => !labels.includes(label));
        target.labels.push(...labels);
        return { ParameterVersion: target.version };
      }
      // UnlabelParameterVersion
      default: {
        const labels = input['Labels'] as string[];
        const target = this.versionsOf(name).find(({ version }) => version === input['ParameterVersion']);
        if (target === undefined)
          throw new AwsFault('ParameterVersionNotFound', `${name} has no such version`);
        target.labels = target.labels.filter((label) => !labels.includes(label));
        return { RemovedLabels: labels };
      }
    }
  }

  private put(name: string, input: Record<string, unknown>): object {
    const { Value, Type = 'String', Tier = 'Standard', Overwrite = false, Description } = input;
    if (!/^(\/?[\w.-]+)+$/.test(name) || /^\/?(aws|ssm)/i.test(name))
      throw new AwsFault('ValidationException', `Parameter name: ${name} is not allowed.`);
    if (Description !== undefined) checkLimits('ssm.Description', Description);
    const bytes = Buffer.byteLength(Value as string);
    const most = Tier === 'Advanced' ? ADVANCED_BYTES : STANDARD_BYTES;
    if (bytes === 0 || bytes > most)
      throw new AwsFault(
        'ValidationException',
        `${String(Tier)} tier parameters support a maximum parameter value of ${most} characters.`,
      );
    const versions = this.parameters.get(name) ?? [];
    if (versions.length > 0 && Overwrite !== true)
      throw new AwsFault('ParameterAlreadyExists', `The parameter ${name} already exists.`);
    if (Overwrite === true && input['Tags'] !== undefined)
      throw new AwsFault('ValidationException', "tags and overwrite can't be used together.");
    const keyId = Type === 'SecureString' ? checkLimits('ssm.KeyId', input['KeyId'] ?? 'alias/aws/ssm') : '';
    const value = Type === 'SecureString' ? this.encrypt(name, keyId, Value as string) : (Value as string);
    const version = (versions.at(-1)?.version ?? 0) + 1;
    const description = Description as string | undefined;
    this.parameters.set(name, [
      ...versions,
      { version, value, type: Type as string, keyId, description, labels: [] },
    ]);
    return { Version: version, Tier };
  }

  private encrypt(name: string, keyId: string, text: string): string {
    try {
      return this.kms.encrypt(keyId, text, { PARAMETER_ARN: this.arnOf(name) }).toString('base64');
    } catch (error) {
      throw new AwsFault('InvalidKeyId', (error as Error).message);
    }
  }

  private decrypt(name: string, { value, type }: Version): string {
    if (type !== 'SecureString') return value;
    try {
      return this.kms
        .decrypt(Buffer.from(value, 'base64'), { PARAMETER_ARN: this.arnOf(name) })
        .text.toString();
    } catch (error) {
      throw new AwsFault('InvalidKeyId', (error as Error).message);
    }
  }

  /** `NAME`, `NAME:VERSION` or `NAME:LABEL`. */
  find(selector: string): { name: string; version: Version } {
    const [name = '', wanted] = selector.split(':');
    const versions = this.versionsOf(name);
    const version =
      wanted === undefined
        ? versions.at(-1)
        : versions.find(
            ({ version: number, labels }) => String(number) === wanted || labels.includes(wanted),
          );
    if (version === undefined) throw new AwsFault('ParameterVersionNotFound', `${selector} does not exist`);
    return { name, version };
  }

  private versionsOf(name: string): Version[] {
    const versions = this.parameters.get(name);
    if (versions === undefined) throw new AwsFault('ParameterNotFound', `Parameter ${name} not found.`);
    return versions;
  }
}
