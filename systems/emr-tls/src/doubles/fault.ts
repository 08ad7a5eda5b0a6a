/** Where the double plays. */
export interface Place {
  region: string;
  account: string;
}

/** An error as a service answers it. */
export class AwsFault extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/** Lengths and patterns of members, as the services' own models (botocore's) have them; a test compares the two. */
export const LIMITS: Record<
  string,
  { model: [string, string, string]; min?: number; max?: number; pattern?: string }
> = {
  'ssm.Name': { model: ['ssm', '2014-11-06', 'PSParameterName'], min: 1, max: 2048 },
  'ssm.Description': { model: ['ssm', '2014-11-06', 'ParameterDescription'], min: 0, max: 1024 },
  'ssm.KeyId': {
    model: ['ssm', '2014-11-06', 'ParameterKeyId'],
    min: 1,
    max: 256,
    pattern: '^([a-zA-Z0-9:/_-]+)$',
  },
  'ssm.Label': { model: ['ssm', '2014-11-06', 'ParameterLabel'], min: 1, max: 100 },
  'kms.KeyId': { model: ['kms', '2014-11-01', 'KeyIdType'], min: 1, max: 2048 },
  'iam.RoleName': { model: ['iam', '2010-05-08', 'roleNameType'], min: 1, max: 64, pattern: '[\\w+=,.@-]+' },
  'iam.PolicyName': {
    model: ['iam', '2010-05-08', 'policyNameType'],
    min: 1,
    max: 128,
    pattern: '[\\w+=,.@-]+',
  },
  'emr.Name': {
    model: ['emr', '2009-03-31', 'XmlString'],
    min: 0,
    max: 10280,
    pattern: '[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*',
  },
};

/** @throws AwsFault of this code when the text is not within the limits */
export function checkLimits(name: keyof typeof LIMITS, value: unknown, code = 'ValidationException'): string {
  const { min = 0, max = Infinity, pattern } = LIMITS[name]!;
  const text = typeof value === 'string' ? value : '';
  if (
    text.length < min ||
    text.length > max ||
    (pattern !== undefined && !new RegExp(`^(?:${pattern})$`, 'u').test(text))
  )
    throw new AwsFault(
      code,
      `1 validation error detected: Value '${text.slice(0, 50)}' at '${name}' failed to satisfy constraint: ${JSON.stringify({ min, max, pattern })}`,
    );
  return text;
}
